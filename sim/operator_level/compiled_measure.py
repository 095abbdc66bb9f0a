"""Walks a mix by the compiled walk."""

from __future__ import annotations

import numpy as np

from sim.operator_level.compiled_walk import walk
from sim.operator_level.walk_arrays import Marks, Steps
from sim.operator_level.walked_mix import WalkedMix


def measure(mix: WalkedMix) -> Marks:
    """Walks ``mix`` in every replication and returns the marks taken."""
    walkers = len(mix.walkers)
    patterns = np.full((1 << walkers if mix.by_pattern else 0, walkers + len(mix.steady)), np.nan)
    seen = walk(
        tuple(_steps(mix)),
        tuple(mix.host),
        tuple(mix.gpus),
        np.array(mix.loads),
        mix.delays_s,
        patterns,
    )
    return Marks(*seen)


def _steps(mix: WalkedMix) -> Steps:
    tables = mix.programs
    return Steps(
        tables.work,
        tables.before,
        tables.weight,
        4 * tables.launches + tables.stops + 2 * tables.at_end,
        np.where(tables.on[0] > 0, 0, 1),
        tables.amount,
        tables.width,
        tables.depth,
        mix.host_s,
        mix.slowest,
        mix.measured_steps,
    )
