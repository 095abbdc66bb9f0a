"""Lists of whole numbers as options."""

from __future__ import annotations

from rmixer.errors import InputError


def whole_numbers(text: str | None, option: str, most: int) -> tuple[int, ...] | None:
    """``1,2,4`` as numbers from 1 to ``most``; None for None."""
    if text is None:
        return None
    try:
        counts = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise InputError(option, "", repr(text), "whole numbers, like 1,2") from None
    if counts[0] < 1 or counts[-1] > most:
        raise InputError(option, "", repr(text), f"numbers from 1 to {most}")
    return tuple(counts)
