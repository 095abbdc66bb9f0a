"""The lines of Amazon's review and metadata files of 2014 and 2018, as columns."""

from __future__ import annotations

import ast
import contextlib
import json
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rmixer.data.dataset import Lines, Parsed

Row = TypeVar("Row")

_LONGEST_BYTES = 200
"""Length of the longest name allowed: an array has room for the longest at every place."""

_LATEST_S = 1 << 40


class _MalformedError(Exception):
    """The error of a line."""


def parse_reviews(lines: Lines) -> Parsed:
    """Lines of ``reviews_Electronics_5.json``, a JSON object each: ``user`` and ``item`` as
    bytes, ``time_s`` since 1970."""

    def review(line: bytes) -> tuple[bytes, bytes, int]:
        found = _record(line, json.loads, "a JSON object")
        time_s = found.get("unixReviewTime")
        if type(time_s) is not int or not 0 <= time_s < _LATEST_S:
            raise _MalformedError(f"unixReviewTime is {_shown(time_s)}, not seconds since 1970")
        return _name(found, "reviewerID"), _name(found, "asin"), time_s

    good, malformed = _each(lines, review)
    columns: dict[str, NDArray[Any]] = {
        "user": np.array([user for user, _, _ in good], dtype=np.bytes_),
        "item": np.array([item for _, item, _ in good], dtype=np.bytes_),
        "time_s": np.array([time_s for _, _, time_s in good], dtype=np.int64),
    }
    return Parsed(columns, malformed)


def parse_metadata(lines: Lines) -> Parsed:
    """Lines of ``meta_Electronics.json``: ``item`` and ``category`` as bytes.

    In 2014 each is a Python dict with ``categories``, lists of names, and the category is the last
    name of the last list, as in the public preparation for DIN. In 2018 each is a JSON object with
    ``category``, one list of names, and it is the last one. It is empty if there is none.
    """

    def item(line: bytes) -> tuple[bytes, bytes]:
        found = _record(line, _json_or_literal, "a Python dict or a JSON object")
        given = found.get("categories") or found.get("category") or [""]
        names = given[-1] if isinstance(given, list) and isinstance(given[-1], list) else given
        if not isinstance(names, list) or not names or not isinstance(names[-1], str):
            raise _MalformedError(f"categories are {_shown(given)}, not lists of names")
        return _name(found, "asin"), _encoded(names[-1])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of backslashes in what sellers wrote
        good, malformed = _each(lines, item)
    columns: dict[str, NDArray[Any]] = {
        "item": np.array([name for name, _ in good], dtype=np.bytes_),
        "category": np.array([category for _, category in good], dtype=np.bytes_),
    }
    missing = {"categories (or category)": sum(not category for _, category in good)}
    return Parsed(columns, malformed, missing)


def _json_or_literal(text: str) -> Any:
    if text.startswith('{"'):
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return ast.literal_eval(text)


def _each(
    lines: Lines, parse: Callable[[bytes], Row]
) -> tuple[list[Row], tuple[tuple[int, str], ...]]:
    good: list[Row] = []
    malformed: list[tuple[int, str]] = []
    for at, line in enumerate(lines):
        try:
            good.append(parse(line))
        except _MalformedError as error:
            malformed.append((at, str(error)))
    return good, tuple(malformed)


def _record(line: bytes, parse: Callable[[str], Any], what: str) -> dict[str, Any]:
    try:
        found = parse(line.decode("utf-8"))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _MalformedError(f"{line[:80].decode('latin-1')!r} is not {what}")
    return found


def _name(record: dict[str, Any], key: str) -> bytes:
    value = record.get(key)
    if not isinstance(value, str) or not value:
        raise _MalformedError(f"{key} is {_shown(value)}, not a name")
    return _encoded(value)


def _encoded(name: str) -> bytes:
    """``name`` as UTF-8; numpy would drop a null character at its end."""
    text = name.encode("utf-8", errors="surrogatepass")
    if len(text) > _LONGEST_BYTES or text.endswith(b"\0"):
        raise _MalformedError(f"{_shown(name)} is no name of at most {_LONGEST_BYTES} bytes")
    return text


def _shown(value: Any) -> str:
    return "missing" if value is None else repr(value)[:80]
