"""Small real runs: tiny jobs, made-up profiles, this machine's cores."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from executor.supervision.execution import ExecutedRun, Execution
from executor.supervision.observer import Observer
from executor.supervision.supervisor import Supervisor
from executor.workers.mixed_workers import MixedWorkers
from profiles.machines import limits
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.policies import Policy, make_policy
from rmixer.scheduling.layout import Layout, even_layout
from rmixer.scheduling.problem import problem_of
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step
from rmixer.workload.workload import Job, Workload, job_of

MIB = 1 << 20


def tiny(name: str, model: str = "criteo_dlrm", **changes: Any) -> Job:
    """A job of few rows, few samples and few steps."""
    small: dict[str, Any] = {"id": name, "rows_cap": 1000, "batch": 16, "steps": 6}
    return dataclasses.replace(job_of(model), **{**small, **changes})


def this_machine() -> Machine:
    """Made up, but for the cores, the memory and the processor: up to two cores of this one."""
    cores = limits.usable_cores()[:2]
    return dataclasses.replace(
        make_machine(cores=len(cores)),
        cores=cores,
        memory_bytes=limits.usable_memory_bytes(),
        processor=limits.processor_name(),
    )


def profile_of(job: Job, peak_bytes: int = 350 * MIB) -> ModelProfile:
    """A made-up profile of ``job`` with one thread and with two."""
    steps = [make_step(threads=threads, mean_us=1000.0) for threads in (1, 2)]
    operators = [make_operator(1000.0, threads=threads) for threads in (1, 2)]
    profile = make_profile("criteo_dlrm", steps, operators, job.batch, peak_bytes)
    return dataclasses.replace(profile, identity=job.identity)


def execute(
    folder: Path,
    jobs: list[Job],
    policy: Policy | str = "dySequ",
    layout: Layout | None = None,
    observer: Observer | None = None,
    **settings: Any,
) -> ExecutedRun:
    """Run ``jobs`` for real, on two slots of one thread unless told otherwise; ``settings`` are
    those of an :class:`Execution`."""
    machine = this_machine()
    chosen = make_policy(policy) if isinstance(policy, str) else policy
    profiles = {job.identity.key: profile_of(job) for job in jobs}
    problem = problem_of(Workload("tiny", 0, tuple(jobs)), machine, profiles)
    slots = layout or even_layout(machine, 2, 1)
    with_models = any(job.command is None for job in jobs)
    workers = MixedWorkers(machine, slots, folder, with_models)
    execution = Execution(problem, chosen, slots, folder, **settings)
    return Supervisor(execution, workers, observer).execute()
