"""Runs all stages for one workload in one run folder; finished stages are not repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from experiments.explaining.resource_use import resource_use, write_use
from experiments.run_files.chrome_trace import write_trace
from experiments.run_files.run_folder import (
    PREDICTED,
    SCHEDULE,
    SEQUENTIAL_PREDICTED,
    Earlier,
    RunFolder,
    RunInputs,
)
from experiments.run_files.sweep_file import write_sweep_files
from experiments.stages.execution import (
    AS_USUAL,
    ExecutionRequest,
    Manner,
    prepare_data,
)
from experiments.stages.executions import BEST, SEQUENTIAL_SCHEDULE, STAGES, carry_out
from experiments.stages.inputs import check_free_memory, inputs_of
from experiments.stages.machine_in_use import use_of
from experiments.stages.prediction import doubts, step_times_for, write_ablations, write_prediction
from experiments.stages.profiling import (
    ProfilingPlan,
    default_threads,
    plan_from_nothing,
    plan_profiling,
    profile_each,
)
from experiments.stages.search_wish import Asked
from experiments.stages.sweep import Sweep, SweepWish, sweep
from experiments.stages.unprofiled import Unprofiled
from experiments.stages.voice import Voice
from experiments.validation.deadlines import missed
from profiles.machines import limits as machine_limits
from profiles.profiler.door import check_importable, check_profiling
from profiles.stored.store import Store
from rmixer.errors import RunFailed
from rmixer.files.home import check_home
from rmixer.files.typed_files import content_hash, parse, write_json
from rmixer.hardware.allowance import ALL, Allowance
from rmixer.hardware.core_lock import CoreLock
from rmixer.hardware.machine import Machine
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule, read_schedule
from rmixer.workload.workload import Workload

BY_DEFAULT = Asked(seconds=15.0)
"""The default search of a run."""


@dataclass(frozen=True)
class Plan:
    """The plan of a run: the cost of profiling and, once all is profiled, the sweep."""

    profiling: ProfilingPlan
    sweep: Sweep | None
    doubtful: tuple[str, ...] = ()


def plan(workload: Workload, store: Store, voice: Voice, allowance: Allowance = ALL) -> Plan:
    """Predicts from known profiles, without running, measuring or searching for anything."""
    profiling, machine = _checked(workload, store, voice, allowance)
    if machine is not None:
        check_free_memory(workload, store, machine)
    if machine is None or profiling.missing:
        return Plan(profiling, None)
    problem = inputs_of(workload, None, store, voice.report)
    problem = replace(problem, machine=allowance.of(problem.machine))
    found = _sweep(problem, voice, Asked())
    return Plan(profiling, found, doubts(problem.profiles, found.predicted.summary))


def _checked(
    workload: Workload, store: Store, voice: Voice, allowance: Allowance
) -> tuple[ProfilingPlan, Machine | None]:
    """The profiling to do, and the machine if it is known. Raises :class:`InputError` for jobs that
    cannot be profiled here, and for cores or GPUs that this machine does not have, before anything
    is measured."""
    machine = store.known_machine()
    if machine is None:
        cores, memory_bytes = machine_limits.usable_cores(), machine_limits.usable_memory_bytes()
        allowance.check(cores, memory_bytes, machine_limits.usable_gpus())
        profiling = plan_from_nothing(workload, len(cores))
        check_profiling(profiling.parts, voice.report)
        return profiling, None
    machine = allowance.measured(machine)
    profiling = plan_profiling(workload, machine, store, default_threads(machine))
    check_profiling(profiling.parts, voice.report)
    return profiling, machine


@dataclass(frozen=True)
class Wish:
    """The settings of a run: with ``verify`` it also executes one job at a time, and the best
    schedule a second time; ``resume`` continues the run that must be there; each execution is
    carried out in its ``manner``; ``search`` are the settings of the search."""

    verify: bool = False
    resume: bool = False
    manner: Manner = AS_USUAL
    allowance: Allowance = ALL
    search: Asked = BY_DEFAULT


def run(
    workload: Workload, out: Path, store: Store, voice: Voice, lock: CoreLock, wish: Wish
) -> RunFolder:
    """Profiles what is missing, sweeps, executes the best schedule, and does what else is wished,
    unless a job has failed. An execution that was begun is continued. ``lock`` is taken before
    anything is measured or executed. Jobs that cannot be profiled are left out, and are failed jobs
    of the first execution's summary; raises :class:`~rmixer.errors.RunFailed` if no other is left.
    Raises KeyboardInterrupt when interrupted, after everything is written."""
    wish.search.check(workload)
    profiling, known = _checked(workload, store, voice, wish.allowance)
    RunFolder.check_target(out)
    if profiling.parts:
        check_home()
        lock.take()  # before it looks at the memory that is free, and before it measures
    machine = known or wish.allowance.measured(store.this_machine(voice.report))
    if known is None:
        profiling = plan_profiling(workload, machine, store, default_threads(machine))
    prepare_data(workload, voice.bar)
    unprofiled = Unprofiled(workload, {})
    if profiling.missing:
        check_free_memory(workload, store, machine)
        unprofiled = Unprofiled(workload, _profile(profiling, machine, store, voice))
    asked = _asked_before(out) if wish.resume else wish.search
    rest = _rest(unprofiled, voice)
    problem = inputs_of(rest, None, store, voice.report, batches=asked.batch)
    allowed = RunFolder.open(out).machine if wish.resume else wish.allowance.of(problem.machine)
    problem = replace(problem, machine=allowed)
    voice.report(use_of(problem.machine))
    known_now = sorted(problem.profiles.items())
    profiles = {key: content_hash(profile.steps) for key, profile in known_now}
    settings = {"profiles": profiles, **unprofiled.settings(), **asked.settings(BY_DEFAULT)}
    inputs = RunInputs("run", problem.workload, allowed, settings)
    earlier: Earlier = "required" if wish.resume else "reuse"
    folder = RunFolder.create(out, inputs, voice.report, earlier=earlier)
    if not folder.is_done(BEST.name):  # profiled once, a module may not import today
        check_importable(problem.workload.jobs)
    schedules = _predict(folder, problem, voice, lock, asked)
    if (predicted := folder.prediction(BEST.place)) is not None:
        for line in missed(predicted, problem.workload, predicted=True):
            voice.report(line)
        if predicted.doubtful and not folder.has_begun(BEST.place):
            voice.confirm(predicted.doubtful)
    for stage in STAGES if wish.verify else (BEST,):
        request = ExecutionRequest.of_schedule(problem, schedules[stage.schedule])
        try:
            carry_out(folder, stage, request, voice, lock, wish.manner)
        finally:
            if stage == BEST:
                unprofiled.write(folder, stage.place)
        if not folder.is_done(stage.name):
            break
    return folder


def _profile(
    profiling: ProfilingPlan, machine: Machine, store: Store, voice: Voice
) -> Mapping[str, RunFailed]:
    """Profiles what is missing; returns the failures by the key of their cost identity."""
    voice.report(f"profiling {len(profiling.missing)} model(s), about {profiling.seconds:.0f} s")
    with voice.bar("profiling", profiling.seconds) as progress:
        return profile_each(profiling, machine, store, voice.report, progress)


def _rest(unprofiled: Unprofiled, voice: Voice) -> Workload:
    """The workload without jobs that could not be profiled; reports it if some were not."""
    rest = unprofiled.rest()
    if unprofiled.jobs:
        names = ", ".join(job.id for job in unprofiled.jobs)
        voice.report(f"going on without {names}, which could not be profiled")
    return rest


def write_sweep(
    folder: RunFolder, problem: Problem, found: Sweep, shared_with: tuple[str, ...] = ()
) -> None:
    """Writes the ranked rows, the best schedule, its prediction and trace, and the prediction of
    one job at a time. ``shared_with`` names other runs on the same cores."""
    write_sweep_files(folder.path, found.rows, found.finalists)
    write_json(folder.path / SCHEDULE, found.schedule)
    best, run = found.problem, found.predicted
    write_prediction(folder, PREDICTED, run, best.profiles, shared_with)
    use = resource_use(best, found.schedule.settings.layout, run.timeline, run.summary)
    write_use(folder.path / PREDICTED, use)
    write_prediction(folder, SEQUENTIAL_PREDICTED, found.sequential, problem.profiles, shared_with)
    write_json(folder.path / SEQUENTIAL_SCHEDULE, found.sequential_schedule)
    write_ablations(folder, best, found.schedule)
    write_trace(folder.path / "trace.json", {"predicted": run.timeline})


def _asked_before(out: Path) -> Asked:
    """The search settings of the run in ``out``."""
    known = RunFolder.open(out).config("settings").get("search")
    return BY_DEFAULT if known is None else parse(known, Asked, out / "config.yaml")


def _sweep(problem: Problem, voice: Voice, asked: Asked) -> Sweep:
    with voice.searching(asked) as search, voice.bar("sweep") as progress:
        wish = SweepWish(objective=asked.objective, search=search)
        return sweep(problem, step_times_for(problem), wish, progress=progress)


def _predict(
    folder: RunFolder, problem: Problem, voice: Voice, lock: CoreLock, asked: Asked
) -> Mapping[str, Schedule]:
    """The schedules of the sweep, which is done unless the folder holds it already. Raises
    KeyboardInterrupt if its search was interrupted."""
    if not folder.is_done("sweep"):
        voice.report("sweeping policies in simulation")
        found = _sweep(problem, voice, asked)
        if found.interrupted:
            raise KeyboardInterrupt
        write_sweep(folder, problem, found, lock.shared_with)
        folder.mark_done("sweep")
    return {name: read_schedule(folder.path / name) for name in (SCHEDULE, SEQUENTIAL_SCHEDULE)}
