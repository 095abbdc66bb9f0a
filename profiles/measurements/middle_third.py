"""Selects the profiled blocks that represent a step's operators: those of the middle rounds.

On a shared machine a block may be slower than those around it by chance, and one such round decides
the mean of a few. So rounds are ordered by the ratio of the profiled block to the plain ones around
it, and the first and the last third of them are left out.
"""

from __future__ import annotations

from typing import Any

from profiles.measurements.blocks import Blocks


def typical_profiled(blocks: Blocks) -> list[dict[str, Any]]:
    """The profiled blocks of ``blocks``, on a CPU, of the middle third of the rounds, at least one;
    each scaled to the speed of the machine in the mean of all plain blocks."""
    threes_s = blocks.three_means_s
    around_s = [(first_s + last_s) / 2 for first_s, _, last_s in threes_s]
    order = sorted(range(len(threes_s)), key=lambda i: threes_s[i][1] / around_s[i])
    left_out = len(order) // 3
    middle = sorted(order[left_out : len(order) - left_out])
    return [_times(blocks.profiled[i], blocks.mean_s / around_s[i]) for i in middle]


def _times(block: dict[str, Any], factor: float) -> dict[str, Any]:
    return {**block, "durations": block["durations"] * factor, "gaps": block["gaps"] * factor}
