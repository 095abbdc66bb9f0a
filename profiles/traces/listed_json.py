"""Reads a JSON document that is mostly one list without keeping its elements: as objects they take
six times the memory of the text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
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

    def element(at: int) -> int:
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            mended = mend(text, at)
            if mended is None:
                raise
            value, end = mended
        take(value)
        return end

    start = _after_space(text, 0)
    if text[start : start + 1] == "[":
        found: Any = []
        end = _members(text, start, "]", element)
    elif text[start : start + 1] == "{":
        found, end = _object(text, start, key, element, decoder)
    else:
        found, end = decoder.raw_decode(text, start)
    end = _after_space(text, end)
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return found


def _object(
    text: str, start: int, key: str, element: Callable[[int], int], decoder: json.JSONDecoder
) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}

    def member(at: int) -> int:
        name, at = _name(text, at, decoder)
        if name == key and text[at : at + 1] == "[":
            found[name] = []
            return _members(text, at, "]", element)
        found[name], at = decoder.raw_decode(text, at)
        return at

    return found, _members(text, start, "}", member)


def _members(text: str, start: int, closing: str, read: Callable[[int], int]) -> int:
    """The place after the list or object at ``start``; ``read`` is called at the beginning of each
    member and returns its end."""
    at = _after_space(text, start + 1)
    if text[at : at + 1] == closing:
        return at + 1
    while True:
        at = _after_space(text, read(at))
        if text[at : at + 1] == closing:
            return at + 1
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _after_space(text, at + 1)


def _name(text: str, at: int, decoder: json.JSONDecoder) -> tuple[str, int]:
    """A member's name, and the beginning of its value."""
    if text[at : at + 1] != '"':
        raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
    name, at = decoder.raw_decode(text, at)
    at = _after_space(text, at)
    if text[at : at + 1] != ":":
        raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
    return name, _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None, "it matches nothing too"
    return found.end()
