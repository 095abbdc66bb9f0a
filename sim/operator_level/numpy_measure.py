"""Walks a mix in numpy, all replications at once, for machines without numba."""

from __future__ import annotations

import numpy as np

from sim.operator_level.replications import Replications
from sim.operator_level.walk_arrays import Marks
from sim.operator_level.walked_mix import WalkedMix


def measure(mix: WalkedMix) -> Marks:
    """Walks ``mix`` in every replication and returns the marks taken."""
    size = mix.delays_s.shape
    steady, slowest = len(mix.steady), mix.slowest
    replications = Replications(mix)
    made = np.zeros((2, size[0] + steady, size[1]))
    device_s, at_s = np.zeros((2, steady, size[1])), np.zeros((2, size[1]))
    measuring, measured = np.zeros(size[1], dtype=bool), np.zeros(size[1], dtype=bool)
    whole, first_s, last_s = np.full(size, -1), np.zeros(size), np.zeros(size)

    def mark(which: int, columns: np.ndarray) -> None:
        found = replications.snapshot(columns)
        made[which][:, columns], device_s[which][:, columns], at_s[which, columns] = found

    while not measured.all():
        ended = replications.advance()
        if not ended.size:
            continue
        row, column = np.divmod(ended, size[1])
        slow = column[row == slowest]
        steps = replications.made[slowest, slow]
        begin = slow[steps == 1]
        if begin.size:
            mark(0, begin)
            measuring[begin] = True
        within = measuring[column]
        row, column = row[within], column[within]
        now_s = replications.now_s[column]
        first_s[row, column] = np.where(whole[row, column] < 0, now_s, first_s[row, column])
        last_s[row, column] = now_s
        whole[row, column] += 1
        finish = slow[steps == 1 + mix.measured_steps]
        if finish.size:
            mark(1, finish)
            measuring[finish] = False
            measured[finish] = True
    return Marks(made, device_s, at_s, whole, first_s, last_s)
