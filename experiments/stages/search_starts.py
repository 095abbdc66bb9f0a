"""The starting points of a search: layouts, and schedules of policies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from experiments.stages.prediction import scheduled
from rmixer.policies import make_policy
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import ScheduledJob
from rmixer.scheduling.step_times import StepTimes
from rmixer.scheduling.wanted_slots import Wanted

FALLBACK = "lpt"
"""Starts if no policy was tried on a part of a layout's slots."""


def search_cuts(problem: Problem, cuts: Sequence[Cut], wanted: Wanted) -> list[Cut]:
    """The ``cuts`` of a sweep with the most slots, filled up to all cores if their slots were not
    ``wanted`` otherwise. A search may leave a slot empty, so fewer slots of both kinds with the
    same threads are not another layout."""
    machine = problem.machine
    said = wanted.by_kind(machine)
    filled = []
    for cut in cuts:
        if cut.gpu_slots and said.gpu_slots is None:
            left = len(machine.cores) - cut.cpu_slots * cut.cpu_threads
            cut = replace(cut, gpu_slots=left // (cut.gpu_threads * len(machine.gpus)))
        elif cut.cpu_slots and not cut.gpu_slots and said.cpu_slots is None:
            cut = replace(cut, cpu_slots=len(machine.cores) // cut.cpu_threads)
        most = len(problem.jobs)
        filled.append(
            replace(cut, gpu_slots=min(cut.gpu_slots, most), cpu_slots=min(cut.cpu_slots, most))
        )
    different = list(dict.fromkeys(filled))
    return [
        cut
        for cut in different
        if not any(other != cut and is_part(cut, other) for other in different)
    ]


def next_to(problem: Problem, cut: Cut, wanted: Wanted) -> list[Cut]:
    """``cut`` with one slot more or less on each GPU, and CPU slots on all cores that this leaves.
    Empty if slots were ``wanted``, or if ``cut`` has slots of one kind only."""
    machine, said = problem.machine, wanted.by_kind(problem.machine)
    if not (cut.gpu_slots and cut.cpu_slots) or (said.gpu_slots, said.cpu_slots) != (None, None):
        return []
    found = []
    for slots in (cut.gpu_slots - 1, cut.gpu_slots + 1):
        left = len(machine.cores) - slots * cut.gpu_threads * len(machine.gpus)
        other = min(left // cut.cpu_threads, len(problem.jobs))
        if slots and other > 0:
            found.append(replace(cut, gpu_slots=slots, cpu_slots=other))
    return found


def is_part(cut: Cut, whole: Cut) -> bool:
    """True if ``whole`` has all slots of ``cut``, with the same threads."""
    return (
        cut.gpu_slots <= whole.gpu_slots
        and cut.cpu_slots <= whole.cpu_slots
        and (not cut.gpu_slots or cut.gpu_threads == whole.gpu_threads)
        and (not cut.cpu_slots or cut.cpu_threads == whole.cpu_threads)
    )


def simulated_dispatches(
    problem: Problem, policy: str, layout: Layout, step_times: StepTimes
) -> tuple[ScheduledJob, ...]:
    """The dispatches of ``policy`` on ``layout``. Raises as
    :func:`~sim.job_level.simulate.simulate`."""
    made = make_policy(policy, problem.workload.seed)
    return scheduled(problem, made, layout, step_times, "job")[0].dispatches


def starts_on(
    whole: Cut, tried: Iterable[tuple[str, Layout]], most: int
) -> list[tuple[str, Layout]]:
    """The first ``most`` of the policies ``tried``, best first, whose layouts are parts of
    ``whole``."""
    found = [
        (policy, layout)
        for policy, layout in tried
        if not layout.in_turn and is_part(Cut.of(layout), whole)
    ]
    return found[:most]
