"""Numbers as options."""

from __future__ import annotations

import math
from typing import Any

import click

LARGEST_BATCH = 10**12
"""Samples: what no memory holds is refused by what it needs, and more cannot be counted with."""


class FiniteRange(click.FloatRange):
    """A range of numbers without nan, which compares with no bound, and without infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; a usage error for what is none of them."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number
