"""Zipf-distributed ranks with a largest rank, exact and vectorised."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ranks = NDArray[np.int64]


def zipf_ranks(largest: int | Ranks, exponent: float, rng: np.random.Generator, n: int) -> Ranks:
    """``n`` ranks k in 1..``largest`` with probability proportional to k ** -``exponent``.

    ``largest`` may be an array of shape [n], a bound for each draw. ``exponent`` > 0 and not 1.
    Rejection-inversion (Hörmann and Derflinger, ACM TOMACS 6(3), 1996): the integral of
    x ** -exponent is inverted, and the few draws that fall outside the histogram are drawn
    again, so memory and time do not grow with ``largest``.
    """
    power = 1.0 - exponent
    bound = np.broadcast_to(np.asarray(largest, dtype=np.float64), (n,))
    low = (1.5**power) / power - 1.0
    ranks = np.empty(n, dtype=np.int64)
    open_draws = np.arange(n)
    while open_draws.size:
        top = bound[open_draws]
        high = (top + 0.5) ** power / power
        area = high + rng.random(open_draws.size) * (low - high)
        x = (area * power) ** (1.0 / power)
        rank = np.clip(np.floor(x + 0.5), 1.0, top)
        accepted = area >= (rank + 0.5) ** power / power - rank**-exponent
        ranks[open_draws[accepted]] = rank[accepted].astype(np.int64)
        open_draws = open_draws[~accepted]
    return ranks
