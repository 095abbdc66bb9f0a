"""Options that are numbers."""

from __future__ import annotations

import math
from typing import Any

import click

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
