"""The tables of GPUs in time slices for the compiled walk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.demand.resident import Resident
from sim.operator_level.walk_arrays import Gpus


def gpu_table(walkers: Sequence[Resident], steady: Sequence[Resident]) -> Gpus:
    """Returns what the walk needs for :func:`sim.demand.contention.sliced_speeds` of each GPU and
    its link. ``walkers`` queue their work; the members ``steady`` keep their GPU busy by their mean
    demand."""
    everyone = [*walkers, *steady]
    names = sorted({r.member.device for r in everyone if any(s.device_s for s in r.step.segments)})
    places = {name: place for place, name in enumerate(names)}
    loads = [[r.gpu_load * (r.member.device == name) for r in steady] for name in names]
    by_gpu = np.array(loads).reshape(len(names), len(steady))
    device = np.array([places.get(r.member.device, -1) for r in walkers])
    return Gpus(device, by_gpu, np.array([row.sum() for row in by_gpu]))
