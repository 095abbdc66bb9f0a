"""Makes text fit to print: cleans it (a user's error, a program's output), shortens lists."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_LINE, LONGEST_TEXT = 500, 100_000


def printable(text: str, longest: int = LONGEST_TEXT) -> str:
    """``text`` with control characters and lone surrogates, which a terminal obeys or no file can
    hold, as escapes. A text longer than ``longest`` characters is cut in the middle."""
    if len(text) > longest:
        half = longest // 2
        text = f"{text[:half]} … ({len(text)} characters) … {text[-half:]}"
    return "".join(map(_printable, text))


def _printable(character: str) -> str:
    if character in "\n\t" or not (ord(character) < 32 or 0x7F <= ord(character) < 0xA0):
        return character if not 0xD800 <= ord(character) < 0xE000 else f"\\u{ord(character):04x}"
    return f"\\x{ord(character):02x}"


def few(names: Sequence[str], most: int = 5) -> str:
    """``a, b and 3 more``: the first ``most`` names, and the number of the others."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
