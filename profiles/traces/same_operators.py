"""Checks that steps run the same operators: else times by operator have no meaning."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rmixer.errors import RunFailed


def check_same_operators(names: Sequence[str], others: Sequence[str]) -> None:
    """Raises :class:`RunFailed`, which names the first operators that differ, unless two steps run
    the same."""
    for one, another in zip_longest(names, others, fillvalue="nothing more"):
        if one != another:
            where = f"where one runs {one}, another runs {another}"
            raise RunFailed(f"the step does not run the same operators every time: {where}")
