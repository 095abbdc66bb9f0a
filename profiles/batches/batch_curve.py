"""The growth of a time with the batch, from the sizes at which it was measured.

A step has a fixed part, a part for each sample, and a part that grows more slowly: matrix products
and loops over threads use a processor better the more rows they have. So a time is modelled as
``fixed + slow x sqrt(batch) + each x batch``, no term negative (Lawson and Hanson, Solving Least
Squares Problems, chapter 23), with the least relative errors; two sizes do not determine the middle
term. The remainder (for example of caches that no longer hold a layer) is interpolated between the
sizes, and beyond them keeps its last value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


class BatchCurve:
    """A curve from the sizes ``batches``, ascending, at least two, to the size ``at``."""

    def __init__(self, batches: Sequence[int], at: int) -> None:
        powers = (0.0, 0.5, 1.0) if len(batches) > 2 else (0.0, 1.0)
        self._terms = np.power.outer(np.asarray(batches, dtype=np.float64), powers)
        self._at_terms = np.power(float(at), powers)
        self._places = np.log(np.asarray(batches, dtype=np.float64))
        self._place = math.log(at)

    def value(self, values: Sequence[float]) -> float:
        """The value at the wanted size, from the measured ``values`` at the sizes, all above 0."""
        from scipy.optimize import nnls  # here: most commands read profiles and fit no curve

        measured = np.asarray(values, dtype=np.float64)
        weights, _ = nnls(self._terms / measured[:, None], np.ones(len(measured)))
        remainders = np.log(measured / (self._terms @ weights))
        remainder = float(np.interp(self._place, self._places, remainders))
        return float(self._at_terms @ weights) * math.exp(remainder)
