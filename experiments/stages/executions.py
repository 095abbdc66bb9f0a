"""The executions of a run, one after the other: the best schedule, and those that verify it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile

from experiments.run_files.run_folder import (
    MEASURED,
    REPEAT,
    SCHEDULE,
    SEQUENTIAL,
    RunFolder,
)
from experiments.stages.execution import ExecutionRequest, Manner, check_execution, execute
from experiments.stages.voice import Voice
from rmixer.hardware.core_lock import CoreLock

SEQUENTIAL_SCHEDULE = "sequential_schedule.json"


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
STAGES = (BEST, ALONE, AGAIN)
"""In the order in which a run has them."""


def carry_out(
    folder: RunFolder,
    stage: ExecutionStage,
    request: ExecutionRequest,
    voice: Voice,
    lock: CoreLock,
    manner: Manner,
) -> None:
    """Carries out ``request`` as ``stage``, unless the folder holds all of it, without the jobs
    that were cancelled in an execution before. Raises KeyboardInterrupt when interrupted, after
    everything is written."""
    if folder.is_done(stage.name):
        return
    lock.take()  # before it looks at the memory that is free
    check_execution(request)
    going_on = folder.has_begun(stage.place)
    if not going_on and (earlier := folder.set_aside(stage.place)) is not None:
        voice.report(f"moved the files of an unfinished execution to {earlier}")
    request = replace(request, cancelled=cancelled_before(folder, stage))
    if request.cancelled:
        names = ", ".join(sorted(request.cancelled))
        voice.report(f"{stage.title}: without {names}, cancelled in this run before")
    with voice.watch(stage.title, len(request.problem.jobs)) as observer:
        executed = execute(folder, stage.place, request, observer, lock, manner)
    if executed.interrupted:
        raise KeyboardInterrupt
    if all(job.state in ("done", "cancelled") for job in executed.summary.jobs):
        folder.mark_done(stage.name)


def cancelled_before(folder: RunFolder, stage: ExecutionStage) -> frozenset[str]:
    """The jobs of the run that were cancelled in an execution before ``stage``."""
    earlier = takewhile(lambda each: each != stage, STAGES)
    runs = [folder.read(each.place) for each in earlier]
    return frozenset(
        job.id
        for found in runs
        if found is not None
        for job in found[1].jobs
        if job.state == "cancelled" and not job.late
    )


def failed_jobs(folder: RunFolder) -> list[str]:
    """The jobs of any execution in ``folder`` that did not finish, each with its reason."""
    runs = [folder.read(stage.place) for stage in STAGES]
    return [
        f"{job.id} {job.state}: {job.error}"
        for found in runs
        if found is not None
        for job in found[1].jobs
        if job.state not in ("done", "cancelled")
    ]
