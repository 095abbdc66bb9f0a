"""Options that are numbers."""

from __future__ import annotations

import math
from typing import Any

import click

from rmixer.errors import InputError

LARGEST_BATCH = 10**12
"""Samples: larger than any memory holds, and small enough to compute with."""


class FiniteRange(click.FloatRange):
    """A range of finite numbers: no NaN, which compares with no bound, and no infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Converts the argument; raises a usage error if it is not such a number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number


def whole_numbers(
    text: str | None, option: str, most: int, least: int = 1, *, several: bool = True
) -> tuple[int, ...] | None:
    """Parses ``1,2,4`` into numbers from ``least`` to ``most``; only one unless ``several`` are
    allowed. None for None."""
    if text is None:
        return None
    kind = "whole numbers, like 1,2" if several else "a whole number"
    try:
        counts = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise InputError(option, "", repr(text), kind) from None
    if len(counts) > 1 and not several:
        raise InputError(option, "", repr(text), kind)
    if counts[0] < least or counts[-1] > most:
        raise InputError(option, "", repr(text), f"{kind.partition(',')[0]} from {least} to {most}")
    return tuple(counts)
