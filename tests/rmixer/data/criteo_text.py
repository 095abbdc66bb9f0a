"""Lines of Criteo's click logs."""

from __future__ import annotations

import random


def line(label: int, dense: dict[int, int], categories: dict[int, str]) -> str:
    """I1 to I13 and C1 to C26 that are not given are missing."""
    cells = [str(label)]
    cells += [str(dense[i]) if i in dense else "" for i in range(1, 14)]
    cells += [categories.get(i, "") for i in range(1, 27)]
    return "\t".join(cells)


WHOLE = line(0, dict.fromkeys(range(1, 14), 7), dict.fromkeys(range(1, 27), "0000abcd"))
"""None of its fields is missing: a file without it may lack one in every line."""


def many_lines(count: int, seed: int = 0) -> list[str]:
    """``count`` different lines, a part of their fields missing."""
    draw = random.Random(seed)
    return [
        line(
            draw.randrange(2),
            {i: int(draw.expovariate(0.05)) - 2 for i in range(1, 14) if draw.random() < 0.8},
            {i: f"{draw.randrange(30 * i):08x}" for i in range(1, 27) if draw.random() < 0.8},
        )
        for _ in range(count)
    ]
