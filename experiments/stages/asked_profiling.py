"""Profiles the jobs of a request that are not profiled yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from experiments.stages.execution import prepare_data
from experiments.stages.profiling import (
    default_threads,
    plan_from_nothing,
    plan_profiling,
    profile_missing,
)
from experiments.stages.voice import Voice
from profiles.assembling.disturbance import report_disturbed
from profiles.machines import limits
from profiles.measurements.rounds import Plan
from profiles.profiler.door import check_profiling
from profiles.stored.provenance import report_provenance
from profiles.stored.store import Store
from rmixer.files.home import check_home
from rmixer.hardware.core_lock import CoreLock
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.wanted_slots import whole_numbers
from rmixer.workload.workload import Job, Workload


@dataclass(frozen=True)
class ProfileWish:
    """``threads`` are counts like ``1,2`` (None: one, and all cores); ``plan`` are the settings of
    measurements; with ``again`` known profiles are measured too."""

    threads: str | None = None
    plan: Plan = field(default_factory=Plan)
    again: bool = False


def profile_asked(
    jobs: Sequence[Job], wish: ProfileWish, store: Store, voice: Voice, lock: CoreLock
) -> tuple[ModelProfile, ...]:
    """Measures missing profiles and returns a profile for each job. ``jobs`` have been checked;
    ``lock`` is taken before anything is measured. Raises :class:`~rmixer.errors.InputError` for
    what cannot be profiled here, and :class:`~rmixer.errors.RunFailed` after the last job if one
    has failed: the profiles of the others are kept."""
    wanted = Workload("profile", 0, tuple(jobs))
    known_before = store.known_machine()
    cores = len(known_before.cores if known_before else limits.usable_cores())
    counts = whole_numbers(wish.threads, "--threads", cores)
    if known_before is None:
        check_profiling(plan_from_nothing(wanted, cores, counts).parts, voice.report)
        lock.take()
    machine = known_before or store.this_machine(voice.report)
    counts = counts or default_threads(machine)
    plan = plan_profiling(wanted, machine, store, counts, wish.plan, wish.again)
    if not wish.again:
        known, _ = store.load(wanted.jobs, machine, counts, wish.plan.neighbours)
        report_provenance(known.values(), machine, True, voice.report)
        report_disturbed(known.values(), voice.report)
    if plan.parts:
        check_home()
        lock.take()  # before it looks at the memory that is free
        if known_before:
            check_profiling(plan.parts, voice.report)
        voice.report(f"profiling {len(plan.parts)} model(s), about {plan.seconds:.0f} s")
        prepare_data(replace(wanted, jobs=plan.missing), voice.bar)
        try:
            with voice.bar("profiling", plan.seconds) as progress:
                profile_missing(plan, machine, store, voice.report, progress)
        except KeyboardInterrupt:
            voice.report("finished profiles are kept: the same command goes on with the others")
            raise
    else:
        voice.report("all of them are profiled already (--again: measure them again)")
    found, _ = store.load(wanted.jobs, machine)
    return tuple(found[job.identity.key] for job in jobs)
