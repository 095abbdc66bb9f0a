"""All stages for one workload in one run folder; what is done already is not done again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from executor.supervision.observer import Observer
from experiments.run_files.chrome_trace import write_trace
from experiments.run_files.run_folder import (
    MEASURED,
    PREDICTED,
    REPEAT,
    SCHEDULE,
    SEQUENTIAL,
    SEQUENTIAL_PREDICTED,
    Earlier,
    RunFolder,
    RunInputs,
)
from experiments.run_files.sweep_file import SWEEP
from experiments.stages.execution import (
    AS_USUAL,
    ExecutionRequest,
    Manner,
    check_execution,
    execute,
    prepare_data,
    use_of,
)
from experiments.stages.inputs import check_free_memory, inputs_of
from experiments.stages.prediction import step_times_for, write_ablations, write_prediction
from experiments.stages.profiling import (
    ProfilingPlan,
    default_threads,
    plan_from_nothing,
    plan_profiling,
    profile_each,
)
from experiments.stages.search_wish import Asked, SearchWish
from experiments.stages.sweep import Sweep, SweepWish, sweep
from experiments.stages.unprofiled import Unprofiled
from profiles.machines import limits as machine_limits
from profiles.profiler.door import check_importable, check_profiling
from profiles.stored.store import Store
from rmixer.errors import RunFailed
from rmixer.files.home import check_home
from rmixer.files.typed_files import content_hash, parse, write_json
from rmixer.hardware.allowance import ALL, Allowance
from rmixer.hardware.core_lock import CoreLock
from rmixer.hardware.machine import Machine
from rmixer.profile.profile import ModelProfile
from rmixer.scheduling.devices import devices_in_use
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule, read_schedule, write_schedule
from rmixer.workload.workload import Workload

SEQUENTIAL_SCHEDULE = "sequential_schedule.json"
BY_DEFAULT = Asked(seconds=15.0)
"""What a run searches for, if it is not told otherwise."""


@dataclass(frozen=True)
class ExecutionStage:
    """An execution of a run: its ``place`` in the run folder, the file there of the ``schedule``
    that is executed, and a ``title``."""

    place: str
    schedule: str
    title: str

    @property
    def name(self) -> str:
        """Its name among the stages of the run folder."""
        return f"execute {self.place}"


BEST = ExecutionStage(MEASURED, SCHEDULE, "best schedule")
ALONE = ExecutionStage(SEQUENTIAL, SEQUENTIAL_SCHEDULE, "one job at a time")
AGAIN = ExecutionStage(REPEAT, SCHEDULE, "best schedule again")


class Bar(Protocol):
    """Makes the bar of a stage, which moves with each call (done, total), from its title and, where
    that is known, from about how long the stage takes."""

    def __call__(
        self, title: str, about_s: float | None = None
    ) -> AbstractContextManager[Callable[[int, int], None]]: ...


@dataclass(frozen=True)
class Voice:
    """How the stages are heard: lines, bars, somebody to watch an execution of so many jobs, and
    what is wished of a search that is asked for, as it is heard."""

    report: Callable[[str], None]
    bar: Bar
    watch: Callable[[str, int], AbstractContextManager[Observer]]
    searching: Callable[[Asked], AbstractContextManager[SearchWish | None]]


@dataclass(frozen=True)
class Plan:
    """What a run would do: what profiling costs, and, once all is profiled, the sweep."""

    profiling: ProfilingPlan
    sweep: Sweep | None


def plan(workload: Workload, store: Store, voice: Voice) -> Plan:
    """Predict as far as is known, without running, measuring or searching for anything."""
    profiling, machine = _checked(workload, store, voice)
    if machine is not None:
        _check_free_memory(workload, store, machine)
    if machine is None or profiling.missing:
        return Plan(profiling, None)
    problem = inputs_of(workload, None, store, voice.report, "execute")
    return Plan(profiling, _sweep(problem, voice, Asked()))


def _checked(
    workload: Workload, store: Store, voice: Voice
) -> tuple[ProfilingPlan, Machine | None]:
    """What is to be profiled, and the machine where it is known. Raises :class:`InputError` for
    what cannot be profiled here, before anything is measured."""
    machine = store.known_machine()
    if machine is None:
        profiling = plan_from_nothing(workload, len(machine_limits.usable_cores()))
        check_profiling(profiling.parts, voice.report)
        return profiling, None
    machine = devices_in_use(machine, "execute")
    profiling = plan_profiling(workload, machine, store, default_threads(machine))
    check_profiling(profiling.parts, voice.report)
    return profiling, machine


def _check_free_memory(workload: Workload, store: Store, machine: Machine) -> None:
    profiles, _ = store.load(workload.jobs, machine)
    check_free_memory(workload, profiles, machine)


@dataclass(frozen=True)
class Wish:
    """How a run is wished: with ``verify`` also one job at a time, and the best schedule a second
    time; ``resume`` goes on with the run that must be there; each execution is carried
    out in its ``manner``; ``search`` is what a better schedule is searched for."""

    verify: bool = False
    resume: bool = False
    manner: Manner = AS_USUAL
    allowance: Allowance = ALL
    search: Asked = BY_DEFAULT


def run(
    workload: Workload, out: Path, store: Store, voice: Voice, lock: CoreLock, wish: Wish
) -> RunFolder:
    """Profile what is missing, sweep, execute the best schedule, and what else is wished, unless
    a job has failed. An execution that was begun is gone on with. ``lock`` is taken before
    anything is measured or executed. Jobs that cannot be profiled are left out, and are failed jobs
    of the first execution's summary; raises :class:`~rmixer.errors.RunFailed` if no other is left.
    Raises KeyboardInterrupt when interrupted, after everything is written."""
    profiling, known = _checked(workload, store, voice)
    RunFolder.check_target(out)
    if profiling.parts:
        check_home()
        lock.take()  # before it looks at the memory that is free, and before it measures
    machine = known or devices_in_use(store.this_machine(voice.report), "execute")
    if known is None:
        profiling = plan_profiling(workload, machine, store, default_threads(machine))
    prepare_data(workload, voice.bar)
    unprofiled = Unprofiled(workload, {})
    if profiling.missing:
        _check_free_memory(workload, store, machine)
        unprofiled = Unprofiled(workload, _profile(profiling, machine, store, voice))
    problem = inputs_of(_rest(unprofiled, voice), None, store, voice.report, "execute")
    allowed = RunFolder.open(out).machine if wish.resume else wish.allowance.of(problem.machine)
    problem = replace(problem, machine=allowed)
    voice.report(use_of(problem.machine))
    asked = _asked_before(out) if wish.resume else wish.search
    profiles = _profile_hashes(problem.profiles)
    settings = {"profiles": profiles, **unprofiled.settings(), **asked.settings(BY_DEFAULT)}
    inputs = RunInputs("run", problem.workload, allowed, settings)
    earlier: Earlier = "required" if wish.resume else "reuse"
    folder = RunFolder.create(out, inputs, voice.report, earlier=earlier)
    if not folder.is_done(BEST.name):  # profiled once, a module may not import today
        check_importable(problem.workload.jobs)
    schedules = _predict(folder, problem, voice, lock, asked)
    for stage in (BEST, ALONE, AGAIN) if wish.verify else (BEST,):
        request = ExecutionRequest.of_schedule(problem, schedules[stage.schedule])
        try:
            _execute(folder, stage, request, voice, lock, wish.manner)
        finally:
            if stage == BEST:
                unprofiled.write(folder, stage.place)
        if not folder.is_done(stage.name):
            break
    return folder


def _profile(
    profiling: ProfilingPlan, machine: Machine, store: Store, voice: Voice
) -> Mapping[str, RunFailed]:
    """Profile what is missing; returns why a job could not be, by the key of its cost identity."""
    voice.report(f"profiling {len(profiling.missing)} model(s), about {profiling.seconds:.0f} s")
    with voice.bar("profiling", profiling.seconds) as progress:
        return profile_each(profiling, machine, store, voice.report, progress)


def _rest(unprofiled: Unprofiled, voice: Voice) -> Workload:
    """The workload that is gone on with; says so if it is not all."""
    rest = unprofiled.rest()
    if unprofiled.jobs:
        names = ", ".join(job.id for job in unprofiled.jobs)
        voice.report(f"going on without {names}, which could not be profiled")
    return rest


def failed_jobs(folder: RunFolder) -> list[str]:
    """The jobs of any execution in ``folder`` that did not finish, each with its reason."""
    runs = [folder.read(stage.place) for stage in (BEST, ALONE, AGAIN)]
    return [
        f"{job.id} {job.state}: {job.error}"
        for found in runs
        if found is not None
        for job in found[1].jobs
        if job.state not in ("done", "cancelled")
    ]


def write_sweep(
    folder: RunFolder, problem: Problem, found: Sweep, shared_with: tuple[str, ...] = ()
) -> None:
    """Write the ranked rows, the best schedule, its prediction and trace, and the prediction of one
    job at a time. ``shared_with`` names other runs on the same cores."""
    write_json(folder.path / SWEEP, found.rows)
    write_schedule(folder.path / SCHEDULE, found.schedule)
    write_prediction(folder, PREDICTED, found.predicted, problem.profiles, shared_with)
    write_prediction(folder, SEQUENTIAL_PREDICTED, found.sequential, problem.profiles, shared_with)
    write_schedule(folder.path / SEQUENTIAL_SCHEDULE, found.sequential_schedule)
    write_ablations(folder, problem, found.schedule)
    write_trace(folder.path / "trace.json", {"predicted": found.predicted.timeline})


def _asked_before(out: Path) -> Asked:
    """What the run in ``out`` was begun with."""
    known = RunFolder.open(out).config("settings").get("search")
    return BY_DEFAULT if known is None else parse(known, Asked, out / "config.yaml")


def _sweep(problem: Problem, voice: Voice, asked: Asked) -> Sweep:
    with voice.searching(asked) as search, voice.bar("sweep") as progress:
        wish = SweepWish(objective=asked.objective, search=search)
        return sweep(problem, step_times_for(problem), wish, progress=progress)


def _predict(
    folder: RunFolder, problem: Problem, voice: Voice, lock: CoreLock, asked: Asked
) -> Mapping[str, Schedule]:
    """The schedules of the sweep, which is made unless the folder holds it already. Raises
    KeyboardInterrupt where its search was broken off."""
    if not folder.is_done("sweep"):
        voice.report("sweeping policies in simulation")
        found = _sweep(problem, voice, asked)
        if found.searched is not None and found.searched.interrupted:
            raise KeyboardInterrupt
        write_sweep(folder, problem, found, lock.shared_with)
        folder.mark_done("sweep")
    return {name: read_schedule(folder.path / name) for name in (SCHEDULE, SEQUENTIAL_SCHEDULE)}


def _execute(
    folder: RunFolder,
    stage: ExecutionStage,
    request: ExecutionRequest,
    voice: Voice,
    lock: CoreLock,
    manner: Manner,
) -> None:
    """Carry out ``request`` as ``stage``, unless the folder holds the whole of it."""
    if folder.is_done(stage.name):
        return
    lock.take()  # before it looks at the memory that is free
    check_execution(request)
    going_on = folder.has_begun(stage.place)
    if not going_on and (earlier := folder.set_aside(stage.place)) is not None:
        voice.report(f"kept what an unfinished execution left, in {earlier}")
    with voice.watch(stage.title, len(request.problem.jobs)) as observer:
        executed = execute(folder, stage.place, request, observer, lock, manner)
    if executed.interrupted:
        raise KeyboardInterrupt
    if all(job.state in ("done", "cancelled") for job in executed.summary.jobs):
        folder.mark_done(stage.name)


def _profile_hashes(profiles: Mapping[str, ModelProfile]) -> dict[str, str]:
    return {key: content_hash(profile.steps) for key, profile in sorted(profiles.items())}
