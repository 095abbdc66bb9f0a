"""Reads a JSON document that is mostly one list without keeping its elements: as objects they take
six times the memory of the text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from json.decoder import JSONArray, JSONObject  # type: ignore[attr-defined]
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
Mend = Callable[[str, int], tuple[Any, int] | None]
"""Returns a substitute for a damaged element at a place of the text, and its end; None if it
cannot."""


def read_listed(
    text: str,
    key: str,
    take: Callable[[Any], None],
    decoder: json.JSONDecoder,
    mend: Mend = lambda text, at: None,
) -> Any:
    """The document ``text``. Each element of the list under ``key`` of its outermost object, or of
    the document itself if it is a list, is passed to ``take`` in turn, and an empty list takes its
    place; if the key comes twice, both lists are read. For an element that is not valid JSON the
    result of ``mend`` is used. Raises :class:`json.JSONDecodeError`."""
    after_key = re.compile(rf'(?<!\\)"{key}"[ \t\n\r]*:[ \t\n\r]*\Z')

    def element(text: str, at: int) -> tuple[None, int]:
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            mended = mend(text, at)
            if mended is None:
                raise
            value, end = mended
        take(value)
        return None, end

    def member(text: str, at: int) -> tuple[Any, int]:
        if text[at : at + 1] != "[" or not after_key.search(text, max(0, at - 1000), at):
            return decoder.raw_decode(text, at)
        return [], JSONArray((text, at + 1), element)[1]

    start = _space(text, 0)
    if text[start : start + 1] == "[":
        found: Any = []
        end = JSONArray((text, start + 1), element)[1]
    elif text[start : start + 1] == "{":
        found, end = JSONObject((text, start + 1), False, member, None, None)
    else:
        found, end = decoder.raw_decode(text, start)
    if (end := _space(text, end)) != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return found


def _space(text: str, at: int) -> int:
    """Returns the place after the white space at ``at``."""
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]
