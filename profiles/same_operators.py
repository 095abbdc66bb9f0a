"""Whether steps run the same operators: else times cannot be told by operator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rmixer.errors import RunFailed

_NOTHING = "nothing more"


def check_same_operators(names: Sequence[str], others: Sequence[str]) -> None:
    """Raise :class:`RunFailed`, which names the first operators that differ, unless two steps run
    the same."""
    if names == others:
        return
    pairs = zip_longest(names, others, fillvalue=_NOTHING)
    found = next((pair for pair in pairs if pair[0] != pair[1]), None)
    where = f": where one runs {found[0]}, another runs {found[1]}" if found else ""
    raise RunFailed(f"the step does not run the same operators every time{where}")
