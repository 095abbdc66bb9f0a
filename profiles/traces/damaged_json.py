"""Reads profilers' files that are not valid JSON but hold all that is needed.

Names of Python functions and their files are written unescaped: with raw newlines, backslashes that
begin no escape, and bytes that are not UTF-8. Rates of copies that took no time are ``inf``.

Elements of the one long list are not kept: as objects they take six times the memory of the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from json.decoder import JSONArray, JSONObject  # type: ignore[attr-defined]
from typing import Any

_BACKSLASH = re.compile(r'(\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))|\\')
_END = re.compile(
    r"\}(?=\s*,\s*\{\s*\"(?:ph|cat|name|pid|tid|ts|dur|args|id)\"\s*:|\s*\]\s*(?:,\s*\"|\}\s*$|$))"
)
"""The end of an event: another one follows, or the end of their list."""
_CATEGORY = re.compile(r'"cat"\s*:\s*"([^"\\]*)"')
_NO_NUMBER = re.compile(r"(:\s*)[-+]?(?:nan|inf)(?=\s*[,}])")
_CUT_NUMBER = re.compile(r"\.|[eE][-+]?")
_WORDS = ("true", "false", "null", "NaN", "Infinity", "-Infinity")


def as_text(content: bytes) -> str:
    """Decodes ``content``. Bytes that are not UTF-8 become halves of surrogate pairs. Raises
    UnicodeDecodeError for other encodings."""
    encoding = json.detect_encoding(content)
    keep = "surrogateescape" if encoding.startswith("utf-8") else "surrogatepass"
    return content.decode(encoding, keep)


def with_whole_escapes(text: str) -> str:
    """``text`` with two backslashes for each that begins no escape of JSON."""
    if "\\" not in text:
        return text
    return _BACKSLASH.sub(lambda found: found[1] or r"\\", text)


def mended_event(
    text: str, at: int, is_needed: Callable[[str, str], bool], decoder: json.JSONDecoder
) -> tuple[Any, int] | None:
    """The event at ``at``, which is not valid JSON, and its end: only its category unless, by that
    and its text, it ``is_needed``. None if its end cannot be found, or it is needed and cannot be
    read."""
    found = _END.search(text, at)
    if found is None:
        return None
    part = text[at : found.end()]
    told = _CATEGORY.search(part)
    category = told[1] if told else ""
    if not is_needed(category, part):
        return {"cat": category}, found.end()
    try:
        return decoder.decode(_NO_NUMBER.sub(r"\1null", part)), found.end()
    except json.JSONDecodeError:
        return None


def ends_early(text: str, error: json.JSONDecodeError) -> bool:
    """True if ``text``, in which there was that ``error``, ends before its document does."""
    rest = text[error.pos : error.pos + 10].strip()
    is_cut = _CUT_NUMBER.fullmatch(rest) or any(word.startswith(rest) for word in _WORDS)
    return error.msg.startswith("Unterminated string") or bool(is_cut)


def is_text(name: str) -> bool:
    """Returns False if ``name`` cannot be written, as half of a surrogate pair cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str) -> str:
    """``name`` with characters that a terminal would obey or not show as escapes of a Python
    literal."""
    if name.isprintable():
        return name
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    return "".join(escaped)


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
