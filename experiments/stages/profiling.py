"""Finds and profiles what is missing to predict a workload."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from profiles.machines.gpu_meter import driver_version
from profiles.machines.measure_machine import MEASURE_MACHINE_S
from profiles.measurements.rounds import Plan
from profiles.profiler.duration import profiling_seconds
from profiles.programs.command_profiler import command_seconds, profile_command
from profiles.stored.merging import lacking_counts
from profiles.stored.provenance import HARDWARE, SOFTWARE, differences
from profiles.stored.store import Store
from rmixer.errors import InputError, RunFailed
from rmixer.hardware.fingerprint import take_fingerprint
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.training.task_failure import as_failure
from rmixer.workload.workload import Job, Workload


class Part(NamedTuple):
    """A job, and the counts of ``threads`` at which it is measured."""

    job: Job
    threads: tuple[int, ...]


def default_threads(machine: Machine) -> tuple[int, ...]:
    """One thread, and all cores."""
    return tuple(sorted({1, len(machine.cores)}))


@dataclass(frozen=True)
class ProfilingPlan:
    """A job for each cost identity that has no profile yet, or lacks counts of threads, with these;
    the settings of measurements; and about how long profiling takes."""

    parts: Sequence[Part]
    seconds: float
    plan: Plan = field(default_factory=Plan)

    @property
    def missing(self) -> tuple[Job, ...]:
        """The jobs."""
        return tuple(part.job for part in self.parts)


def plan_profiling(
    workload: Workload,
    machine: Machine,
    store: Store,
    threads: Sequence[int],
    plan: Plan | None = None,
    again: bool = False,
) -> ProfilingPlan:
    """The missing profiles of ``workload`` at ``threads``; all of them with ``again``."""
    plan, parts = plan or Plan(), []
    here = take_fingerprint(machine.fingerprint.hardware, driver_version())
    for job in _distinct(workload):
        known = None if again else store.find(machine.name, job.identity.key)
        lacking = lacking_counts(known, job, machine, threads, plan.neighbours)
        if lacking:  # what other software measured is not kept beside what this one does
            together = known and not differences(known.fingerprint, here, (*HARDWARE, *SOFTWARE))
            parts.append(Part(job, lacking if together else tuple(threads)))
    seconds = _seconds(parts, len(machine.cores), plan, bool(machine.gpus))
    return ProfilingPlan(parts, seconds, plan)


def plan_from_nothing(
    workload: Workload, cores: int, threads: Sequence[int] | None = None
) -> ProfilingPlan:
    """The missing profiles if even the machine is unknown: all of them, and the machine."""
    threads = tuple(threads or sorted({1, cores}))
    parts = [Part(job, threads) for job in _distinct(workload)]
    return ProfilingPlan(parts, MEASURE_MACHINE_S + _seconds(parts, cores, Plan()))


def _distinct(workload: Workload) -> list[Job]:
    """The first job of each cost identity that can be profiled."""
    found: dict[str, Job] = {}
    for job in workload.jobs:
        if not job.profile:
            found.setdefault(job.identity.key, job)
    return list(found.values())


def _seconds(parts: Sequence[Part], cores: int, plan: Plan, on_gpu: bool = False) -> float:
    """The longest time that profiling ``parts`` takes."""
    return sum(
        profiling_seconds(cores, threads, plan, on_gpu)
        if job.command is None
        else command_seconds(threads, plan)
        for job, threads in parts
    )


def profile_missing(
    plan: ProfilingPlan,
    machine: Machine,
    store: Store,
    report: Callable[[str], None],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """The same as :func:`profile_each`; raises :class:`RunFailed` after the last if one has
    failed."""
    failed = profile_each(plan, machine, store, report, progress)
    names = [job.id for job in plan.missing if job.identity.key in failed]
    if names:
        raise RunFailed(f"not profiled: {', '.join(names)} (of {len(plan.parts)}); see above")


def profile_each(
    plan: ProfilingPlan,
    machine: Machine,
    store: Store,
    report: Callable[[str], None],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, RunFailed]:
    """Profiles the jobs in ``plan``; their data are prepared. Each profile is saved as soon as it
    is made, so that an interrupted call can be continued. A failed job does not stop the others:
    ``report`` mentions it, and the failures are returned by cost identity key."""
    models = [part for part in plan.parts if part.job.command is None]
    programs = [part for part in plan.parts if part.job.command is not None]
    failed: dict[str, RunFailed] = {}
    progress(0, len(plan.parts))
    found = _profiles(models, programs, machine, plan.plan, report)
    for done, (job, result) in enumerate(found, start=1):
        try:
            if isinstance(result, RunFailed):
                raise result
            store.save(result)
        except (RunFailed, InputError) as error:  # the latter: what was measured cannot be
            failure = as_failure(error)
            whole = str(failure).rstrip()
            at_length = whole if whole.startswith(failure.reason) else f"{failure.reason}\n{whole}"
            report(f"{job.id}: {at_length}")
            failed[job.identity.key] = failure
        progress(done, len(plan.parts))
    return failed


def _profiles(
    models: Sequence[Part],
    programs: Sequence[Part],
    machine: Machine,
    plan: Plan,
    report: Callable[[str], None],
) -> Iterator[tuple[Job, ModelProfile | RunFailed]]:
    # Here, for it imports torch, and often nothing is missing.
    from profiles.profiler.profile_jobs import profile_jobs

    for threads, alike in groupby(models, key=lambda part: part.threads):
        jobs = [part.job for part in alike]
        found = profile_jobs(jobs, machine, threads, plan, report)
        yield from zip(jobs, _as_many(found, len(jobs)), strict=True)
    for job, threads in programs:
        try:
            result: ModelProfile | RunFailed = profile_command(job, machine, threads, plan, report)
        except Exception as error:
            result = as_failure(error)
        yield job, result


def _as_many(
    found: Iterator[ModelProfile | RunFailed], count: int
) -> Iterator[ModelProfile | RunFailed]:
    """``count`` results: if the profiler itself fails, that is the failure of the rest."""
    try:
        for result in found:
            count -= 1
            yield result
    except RunFailed as failure:
        yield from [failure] * count
