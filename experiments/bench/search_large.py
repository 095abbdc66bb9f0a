"""The search of a large queue: 1,000 jobs on eight GPUs, against longest first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from experiments.stages.inputs import inputs_of
from experiments.stages.search_wish import SearchWish, Setting
from experiments.stages.searching import search
from profiles.stored.store import Store
from rmixer.hardware.what_if import WhatIf
from rmixer.policies import make_policy
from rmixer.policies.baselines.planned import Planned
from rmixer.scheduling.layout import Cut
from rmixer.scheduling.wanted_slots import Wanted
from rmixer.workload.workload import Job, Workload
from sim.job_level.simulate import simulate
from sim.planning.lower_bound import lower_bound
from sim.planning.rough_times import RoughTimes

GPUS, CORES = 8, 64
CUTS = (Cut(4, 0, 1, 0), Cut(8, 0, 1, 0), Cut(6, 16, 1, 1))


@dataclass(frozen=True)
class LargeCase:
    """``jobs`` jobs: longest first on its best layout, the result of a search of that many seconds,
    the number of schedules it evaluated, and the bound; all by rough step times."""

    jobs: int
    lpt_s: float
    lpt_cut: str
    found_s: float
    seconds: float
    evaluations: int
    bound_s: float
    held_by: str


def large_case(models: Sequence[Job], machine: str, jobs: int, seconds: float) -> LargeCase:
    """A queue of ``jobs`` drawn from ``models``, of 100 to 1,000 steps, on ``machine`` supposed to
    have eight GPUs and 64 cores."""
    draw = Random(0)
    queue = tuple(
        replace(draw.choice(models), id=f"job-{at}", steps=draw.randint(100, 1000))
        for at in range(jobs)
    )
    what_if = WhatIf(gpus=GPUS, cores=CORES)
    workload = Workload("large", 0, queue)
    problem = inputs_of(workload, machine, Store(), lambda _: None, what_if=what_if)
    times = RoughTimes(problem.profiles, problem.machine)
    layouts = [cut.layout(problem.machine) for cut in CUTS]
    alone = []
    for at, layout in enumerate(layouts):
        run = simulate(problem, make_policy("lpt"), layout, times, level="job")
        alone.append((run.summary.makespan_s, at))
    lpt_s, best = min(alone)
    bound = lower_bound(problem)
    counts = {
        "gpu_slots": tuple(sorted({cut.gpu_slots for cut in CUTS})),
        "cpu_slots": tuple(sorted({cut.cpu_slots for cut in CUTS})),
    }
    setting = Setting(
        CUTS, Wanted(**counts), [("lpt", layouts[at]) for _, at in sorted(alone)], bound.bound_s
    )
    begin_s = time.perf_counter()
    found = search(problem, times, setting, SearchWish(seconds))
    took_s = time.perf_counter() - begin_s
    run = simulate(
        problem, Planned(found.schedule), found.schedule.settings.layout, times, level="job"
    )
    return LargeCase(
        jobs,
        lpt_s,
        str(CUTS[best]),
        run.summary.makespan_s,
        took_s,
        found.evaluations,
        bound.bound_s,
        bound.in_words,
    )
