"""Estimates the duration of profiling: for an unknown job, and once its step is known."""

from __future__ import annotations

from collections.abc import Sequence

from profiles.measurements.neighbours import LONGEST_SLOWDOWN, WORKS, bubble_levels
from profiles.measurements.phases import FIRST_STEPS, LEAST_FIRST_STEPS
from profiles.measurements.rounds import PATIENCE, Plan
from profiles.profiler.crew import PASSES
from rmixer.training.trained_job import WARMUP_STEPS
from rmixer.workload.real_training import EVALUATION_BATCHES

START_AND_PHASES_S, GPU_START_S = 9.0, 15.0
PHASES_STEPS = FIRST_STEPS - WARMUP_STEPS + EVALUATION_BATCHES // 2
"""Steps after those that measure the step; evaluating a batch takes about half a step."""
ROUND_STEPS = 3
"""Steps of a round of long steps: three blocks of one."""
READY_STEPS = LEAST_FIRST_STEPS + 1
STRUCTURE_STEPS = 1


def profiling_seconds(
    cores: int, threads: Sequence[int], plan: Plan, on_gpu: bool = False
) -> float:
    """The longest time of a job whose step is not slow, at all counts of ``threads``."""
    total_s = 0.0
    for count in threads:
        each_s = _count_seconds(cores - count, plan)
        total_s += each_s + (each_s + GPU_START_S if on_gpu else 0.0)
    return total_s


def slow_step_seconds(step_s: float, spare: int, plan: Plan) -> float | None:
    """About the time of one count of threads, which leaves ``spare`` cores, after its first worker
    has warmed up, if steps of ``step_s`` make it longer than :func:`profiling_seconds`, because a
    block has at least one step; else None."""
    steps: float = PHASES_STEPS + PASSES * (plan.least_rounds * ROUND_STEPS + READY_STEPS)
    if plan.neighbours and (levels := bubble_levels(spare)):
        steps += 1 + len(levels) * len(WORKS) * LONGEST_SLOWDOWN
    seconds = (steps + STRUCTURE_STEPS) * step_s
    return seconds if seconds > _count_seconds(spare, plan) else None


def _count_seconds(spare: int, plan: Plan) -> float:
    sweep_s = plan.sweep_seconds / 2 if plan.neighbours and bubble_levels(spare) else 0.0
    return START_AND_PHASES_S + PASSES * plan.seconds * PATIENCE + sweep_s
