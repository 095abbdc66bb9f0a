"""The precision of a mean from blocks of steps, and the number of further blocks needed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit


def half_width(means: Sequence[float]) -> float:
    """Half the 95% confidence interval of the mean of ``means`` (one of each block, Student's t),
    as a fraction of it; infinite for fewer than two."""
    count = len(means)
    if count < 2:
        return math.inf
    spread = float(np.std(means, ddof=1))
    quantile = float(stdtrit(count - 1, 0.975))
    return quantile * spread / math.sqrt(count) / float(np.mean(means))


def blocks_needed(means: Sequence[float], wanted: float) -> int:
    """The number of blocks with the spread of ``means`` that makes :func:`half_width` at most
    ``wanted``; at least two."""
    spread = float(np.std(means, ddof=1)) / float(np.mean(means))
    count = 2
    while float(stdtrit(count - 1, 0.975)) * spread / math.sqrt(count) > wanted:
        count += max(1, count // 16)
    return count
