"""The contention model of :mod:`sim.demand.contention` for many replications of one mix at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.demand.contention import PRESSURE_MAX, Background, HostDemand
from sim.operator_level.instruction_tables import Floats
from sim.operator_level.walk_arrays import Host

MOST_WALKERS = 16


class HostRates:
    """:func:`sim.demand.contention.host_speeds` if only loads and weights change.

    Sums over members and cores run along the first axes of arrays, one row after the other, so that
    they give the same bits on any machine.
    """

    def __init__(self, demands: Sequence[HostDemand], background: Background) -> None:
        cores = sorted({core for demand in demands for core in demand.cores})
        self._background = background
        self._on = np.array([[float(core in d.cores) for core in cores] for d in demands])
        self._apart = bool((self._on.sum(axis=0) <= 1).all())
        own = self._on.sum(axis=1)
        self._own = own[:, None]
        # What share of the cores of j is outside of those of i, at [j, i].
        common = np.array([[(a * b).sum() for b in self._on] for a in self._on])
        self._outside = (own[:, None] - common) / own[:, None]
        self._pressure = np.array([[demand.pressure] for demand in demands])
        compute = [demand.compute_slowdown for demand in demands]
        stream = [demand.stream_slowdown for demand in demands]
        self._curves = _Curves(compute, stream)

    def speeds(self, loads: Floats, weights: Floats) -> Floats:
        """The speed of each member's host work, in units of its speed alone; ``loads`` (0 where
        one has no host work), ``weights`` and the answer are [members, replications]."""
        pressing = self._pressure * weights
        pressing *= loads
        if self._apart:
            share: Floats | float = 1.0
            held = loads * self._own
            busy = np.add.reduce(held, axis=0) - held
            pressure = np.add.reduce(pressing, axis=0) - pressing
        else:
            share, busy = self._shared(loads)
            pressing *= share
            pressure = (self._outside[:, :, None] * pressing[:, None, :]).sum(axis=0)
        busy += self._background.busy_cores
        np.maximum(busy, 0.0, out=busy)
        pressure += self._background.pressure
        compute, stream = self._curves.at(busy)
        np.maximum(busy, 1e-9, out=busy)
        pressure /= busy
        np.maximum(pressure, 0.0, out=pressure)
        np.minimum(pressure, PRESSURE_MAX, out=pressure)
        # The slow-down: compute + streaming * (stream - compute) * weights, at least 1.
        stream -= compute
        pressure *= stream
        pressure *= weights
        compute += pressure
        np.maximum(1.0, compute, out=compute)
        return np.asarray(share / compute)

    def arrays(self) -> Host:
        """The same for the compiled walk."""
        compute, stream = self._curves.arrays()
        return Host(
            self._on,
            self._own[:, 0],
            self._outside,
            self._pressure[:, 0],
            np.zeros(len(self._on)),
            np.zeros(self._on.shape[1]),
            *compute,
            *stream,
            float(self._curves.last),
            self._apart,
            float(self._background.busy_cores),
            float(self._background.pressure),
            PRESSURE_MAX,
        )

    def _shared(self, loads: Floats) -> tuple[Floats, Floats]:
        """For each member, its share of its fullest core and the number of other busy cores."""
        on = self._on[:, :, None]
        by_core = on * loads[:, None, :]
        of_core = by_core.sum(axis=0)
        share = 1.0 / (1.0 + ((of_core - by_core) * on).max(axis=1))
        filled = np.minimum(1.0, of_core)
        others = (1.0 - self._on).T[:, :, None] * filled[:, None, :]
        return share, others.sum(axis=0)


class Patterns:
    """Looks up the speeds of ``host`` by the set of ``walkers`` that work, together with members of
    steady ``loads``. All work has weight 1, and the number of walkers is small."""

    def __init__(self, host: HostRates, walkers: int, loads: Sequence[float]) -> None:
        self._bits = 2.0 ** np.arange(walkers)
        pattern = np.arange(1 << walkers)
        working = [(pattern >> bit & 1).astype(float) for bit in range(walkers)]
        present = np.array([*working, *(np.full(pattern.size, load) for load in loads)])
        self._speeds = host.speeds(present, np.ones_like(present))

    def speeds(self, loads: Floats) -> Floats:
        """The same as :meth:`HostRates.speeds` for walkers' ``loads`` of 0 or 1."""
        pattern = (self._bits @ loads[: self._bits.size]).astype(np.int64)
        return self._speeds.take(pattern, axis=1)


class _Curves:
    """Slow-downs while k other cores compute or stream, by straight lines between whole k; 1 at k =
    0, and constant beyond the last."""

    def __init__(
        self, compute: Sequence[Sequence[float]], stream: Sequence[Sequence[float]]
    ) -> None:
        self.last = max(1, *(len(curve) for curve in [*compute, *stream]))
        self._tables = []
        for curves in (compute, stream):
            table = np.array([self._padded(curve) for curve in curves]).ravel()
            self._tables.append((table, np.append(table[1:] - table[:-1], 0.0)))
        self._row = np.arange(len(compute))[:, None] * (self.last + 2)

    def _padded(self, curve: Sequence[float]) -> list[float]:
        row = [1.0, *curve]
        return row + [row[-1]] * (self.last + 2 - len(row))

    def arrays(self) -> list[tuple[Floats, Floats]]:
        """Each table and its rise, a row a member."""
        rows = (len(self._row), -1)
        return [(table.reshape(rows), rise.reshape(rows)) for table, rise in self._tables]

    def at(self, k: Floats) -> tuple[Floats, Floats]:
        """Both for each member (a row of ``k``)."""
        bounded = np.minimum(k, self.last)
        below = bounded.astype(np.int64)
        place = below + self._row
        beyond = bounded - below
        compute, stream = (
            table.take(place) + beyond * rise.take(place) for table, rise in self._tables
        )
        return compute, stream
