"""Makes names in a user's trace safe to store and show."""

from __future__ import annotations


def is_text(name: str) -> bool:
    """True if ``name`` can be written: half of a surrogate pair cannot."""
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
