"""The tables of the host's contention for the compiled walk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.demand.contention import PRESSURE_MAX, Background, HostDemand
from sim.operator_level.instruction_tables import Floats
from sim.operator_level.walk_arrays import Host

MOST_WALKERS = 16
"""The speeds of every set of so many working walkers are few enough to be remembered."""


def host_table(demands: Sequence[HostDemand], background: Background) -> Host:
    """Returns what the walk needs for :func:`sim.demand.contention.host_speeds` of members whose
    loads and weights change, a row a member."""
    cores = sorted({core for demand in demands for core in demand.cores})
    on = np.array([[float(core in d.cores) for core in cores] for d in demands])
    own = on.sum(axis=1)
    common = np.array([[(a * b).sum() for b in on] for a in on])
    curves = [[d.compute_slowdown for d in demands], [d.stream_slowdown for d in demands]]
    last = max(1, *(len(curve) for kind in curves for curve in kind))
    compute, stream = ([_padded(curve, last) for curve in kind] for kind in curves)
    return Host(
        on,
        own,
        (own[:, None] - common) / own[:, None],
        np.array([demand.pressure for demand in demands]),
        np.zeros(len(on)),
        np.zeros(on.shape[1]),
        *_with_rise(compute),
        *_with_rise(stream),
        float(last),
        bool((on.sum(axis=0) <= 1).all()),
        float(background.busy_cores),
        float(background.pressure),
        PRESSURE_MAX,
    )


def _padded(curve: Sequence[float], last: int) -> list[float]:
    """Slow-downs while k = 0, 1, … other cores are busy: 1 at 0, constant beyond the last."""
    row = [1.0, *curve]
    return row + [row[-1]] * (last + 2 - len(row))


def _with_rise(curves: Sequence[Sequence[float]]) -> tuple[Floats, Floats]:
    """The curves, and how much each rises to the next k."""
    table = np.array(curves)
    return table, np.diff(table, axis=1, append=table[:, -1:])
