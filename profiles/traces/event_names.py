"""Names in somebody's trace, as they can be kept and shown."""

from __future__ import annotations


def is_text(name: str) -> bool:
    """Whether ``name`` can be written: half of a surrogate pair cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str) -> str:
    """``name`` with what a terminal would obey, or not show, as Python writes it in a literal."""
    if name.isprintable():
        return name
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    return "".join(escaped)
