"""Executes many small jobs of a few models with synthetic profiles, and counts the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import torch

from executor.journal.journal import NAME, Journal
from executor.journal.transitions import Transition
from executor.supervision.execution import Execution
from executor.supervision.supervisor import Supervisor
from executor.workers.mixed_workers import MixedWorkers
from profiles.machines import limits
from rmixer.data.prepare import prepare
from rmixer.policies import make_policy
from rmixer.scheduling.layout import even_layout
from rmixer.scheduling.problem import problem_of
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step
from rmixer.workload.workload import Job, Workload, job_of

MODELS = ("criteo_dlrm", "criteo_deepfm", "avazu_widedeep")
RETRIES = 100
"""Retries of each job: faults come far more often here than anywhere else."""
PEAK_BYTES = 350 << 20


def small_jobs(count: int, seed: int) -> list[Job]:
    """``count`` jobs of 1000 to 6000 steps, a few seconds each."""
    draw = Random(seed)
    return [
        replace(
            job_of(model),
            id=f"{model}-{number}",
            rows_cap=1000,
            batch=16,
            steps=draw.randrange(1000, 6000),
            seed=number,
            retries=RETRIES,
        )
        for number, model in enumerate(draw.choice(MODELS) for _ in range(count))
    ]


def supervisor_of(
    folder: Path, jobs: Sequence[Job], peak_bytes: int = PEAK_BYTES, **settings: Any
) -> Supervisor:
    """The supervisor of ``jobs`` in ``folder`` on two slots of a thread each. ``peak_bytes`` are
    booked for each job; ``settings`` are those of an :class:`Execution`."""
    for dataset in sorted({job.entry.dataset for job in jobs}):
        prepare(dataset, "synthetic")
    cores = limits.usable_cores()[:2]
    machine = replace(
        make_machine(cores=len(cores)), cores=cores, memory_bytes=limits.usable_memory_bytes()
    )
    profiles = {}
    for job in jobs:
        steps = [make_step(threads=threads, mean_us=1000.0) for threads in (1, 2)]
        operators = [make_operator(1000.0, threads=threads) for threads in (1, 2)]
        profile = make_profile(job.model, steps, operators, job.batch, peak_bytes)
        profiles[job.identity.key] = replace(profile, identity=job.identity)
    problem = problem_of(Workload("faults", 0, tuple(jobs)), machine, profiles)
    layout = even_layout(machine, 2, 1)
    execution = Execution(problem, make_policy("dySequ"), layout, folder, **settings)
    return Supervisor(execution, MixedWorkers(machine, layout, folder))


@dataclass(frozen=True)
class Ends:
    """The number of successful ends of each job in its journal, of supervisors and of attempts, and
    the causes of failed attempts."""

    times: Counter[str]
    supervisors: int
    attempts: int
    causes: tuple[str, ...]


def transitions_in(folder: Path) -> list[Transition]:
    """The journal of ``folder``; empty before there is one."""
    if not (folder / NAME).exists():
        return []
    with Journal(folder / NAME) as journal:
        return journal.transitions()


def ends(folder: Path) -> Ends:
    """Reads the journal of ``folder``."""
    transitions = transitions_in(folder)
    return Ends(
        Counter(t.job for t in transitions if t.kind == "ended" and t.detail["state"] == "done"),
        sum(t.kind == "opened" for t in transitions),
        sum(t.kind == "dispatched" for t in transitions),
        tuple(t.detail["cause"] for t in transitions if t.kind == "failed"),
    )


def differing_weights(calm: Path, hit: Path, jobs: Sequence[Job]) -> list[str]:
    """The jobs whose weights in ``hit`` are not bit-identical to those in ``calm``."""
    return [job.id for job in jobs if not _equal(calm, hit, job.id)]


def _equal(calm: Path, hit: Path, job: str) -> bool:
    if not (hit / "models" / f"{job}.pt").exists():
        return False
    ours, theirs = (torch.load(each / "models" / f"{job}.pt") for each in (hit, calm))
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in theirs)
