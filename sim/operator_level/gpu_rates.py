"""GPUs in time slices, for many replications of one mix at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.demand.resident import Resident
from sim.operator_level.instruction_tables import Floats
from sim.operator_level.walk_arrays import Gpus


class GpuRates:
    """:func:`sim.demand.contention.sliced_speeds` of each GPU and its link: each is one server,
    shared equally by the jobs that have work queued. ``walkers`` queue their work; the members
    ``steady`` keep their GPU busy by their mean demand."""

    def __init__(self, walkers: Sequence[Resident], steady: Sequence[Resident]) -> None:
        everyone = [*walkers, *steady]
        names = sorted(
            {r.member.device for r in everyone if any(s.device_s for s in r.step.segments)}
        )
        devices = [r.member.device for r in walkers]
        self._rows = [[i for i, own in enumerate(devices) if own == name] for name in names]
        self._only = len(names) == 1 and set(devices) == set(names)
        loads = [[r.gpu_load * (r.member.device == name) for name in names] for r in steady]
        self._steady = [np.array([row[i] for row in loads]) for i in range(len(names))]
        self._members = len(steady)
        self._names, self._devices = names, devices
        self.idle = not names

    def speeds(self, on: Floats) -> tuple[Floats, Floats]:
        """The speed of each walker's queue, and of each mean demand's work on its GPU.

        ``on`` [lanes, walkers, replications] is 1 where the queue's head is on the lane. The speed
        of an empty queue has no meaning. If all queues have one speed, one row stands for all.
        """
        steady = np.ones((self._members, on.shape[2]))
        if self._only:
            return self._of_one(on, self._steady[0], steady), steady
        speeds = np.ones(on.shape[1:])
        for rows, own in zip(self._rows, self._steady, strict=True):
            speeds[rows] = self._of_one(on[:, rows], own, steady)
        return speeds, steady

    def arrays(self) -> Gpus:
        """The same for the compiled walk."""
        places = {name: place for place, name in enumerate(self._names)}
        loads = np.array(self._steady).reshape(len(self._names), self._members)
        return Gpus(
            np.array([places.get(name, -1) for name in self._devices]),
            loads,
            np.array([row.sum() for row in loads]),
        )

    def _of_one(self, on: Floats, own: Floats, steady: Floats) -> Floats:
        """The queues' speeds on one GPU. Also sets those in ``steady`` whose load there, ``own``,
        is above 0."""
        busy = np.add.reduce(on[0], axis=0)
        if own.size:
            served = own > 0
            busy += own.sum()
            steady[served] = 1.0 / (1.0 + busy - own[served][:, None])
        # At least one: nothing is divided by zero where all queues are empty.
        speeds: Floats = 1.0 / np.maximum(busy, 1.0)
        if len(on) == 1:
            return speeds[None, :]
        busy = np.add.reduce(on[1], axis=0)
        return np.asarray(np.where(on[1] > 0, 1.0 / np.maximum(busy, 1.0), speeds))
