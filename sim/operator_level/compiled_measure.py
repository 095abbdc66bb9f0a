"""Walks a mix by the compiled walk."""

from __future__ import annotations

import numpy as np

from sim.operator_level.compiled_walk import walk
from sim.operator_level.walk_arrays import Marks, Steps
from sim.operator_level.walked_mix import WalkedMix


def measure(mix: WalkedMix) -> Marks:
    """What is seen of ``mix`` in each replication."""
    walkers = len(mix.walkers)
    patterns = np.full((1 << walkers if mix.by_pattern else 0, walkers + len(mix.steady)), np.nan)
    seen = walk(
        tuple(_steps(mix)),
        tuple(mix.host.arrays()),
        tuple(mix.gpus.arrays()),
        np.array(mix.loads),
        mix.delays_s,
        patterns,
    )
    return Marks(*seen)


def _steps(mix: WalkedMix) -> Steps:
    tables, rows = mix.programs, (len(mix.walkers), -1)
    return Steps(
        tables.work.reshape(rows),
        tables.before.reshape(rows),
        tables.weight.reshape(rows),
        tables.launches.reshape(rows),
        tables.stops.reshape(rows),
        tables.at_end.reshape(rows),
        np.array([table.reshape(rows) for table in tables.on]),
        tables.amount.reshape(rows),
        mix.host_s,
        mix.slowest,
        mix.measured_steps,
    )
