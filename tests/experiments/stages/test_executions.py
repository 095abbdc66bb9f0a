"""The executions of a run: a job that is cancelled in one is in none that comes after."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from asked_runs import Asking
from executed_workloads import profile_of, this_machine, tiny

from executor.journal.journal import NAME, Journal
from executor.supervision.observer import Observer
from experiments.run_files.run_folder import RunFolder
from experiments.stages.execution import AS_USUAL, ExecutionRequest
from experiments.stages.executions import AGAIN, ALONE, BEST, carry_out, failed_jobs
from experiments.stages.voice import Voice
from rmixer.data.prepare import prepare
from rmixer.hardware.core_lock import CoreLock
from rmixer.scheduling.layout import even_layout
from rmixer.scheduling.problem import problem_of
from rmixer.scheduling.schedule import Schedule, ScheduledJob, Settings
from rmixer.workload.workload import Workload

LONG = 10**6


@pytest.mark.thorough
def test_a_cancelled_job_is_in_no_later_execution(tmp_path: Path, rmixer_home: None) -> None:
    prepare("criteo_kaggle", "synthetic")
    jobs = tuple(tiny(name, steps=steps) for name, steps in (("endless", LONG), ("last", 6)))
    profiles = {job.identity.key: profile_of(job) for job in jobs}
    problem = problem_of(Workload("tiny", 0, jobs), this_machine(), profiles)
    layout = even_layout(problem.machine, 1, 1)
    dispatches = tuple(
        ScheduledJob(order, 0, job.id, ("cpu:0",), 0, 1, "device", "process")
        for order, job in enumerate(jobs)
    )
    schedule = Schedule("", "made-up", "dySequ", Settings(0, layout), dispatches)
    request = ExecutionRequest.of_schedule(problem, schedule)
    folder = RunFolder.create(tmp_path / "run", request.inputs, print)
    reported: list[str] = []

    @contextmanager
    def watch(title: str, jobs: int) -> Iterator[Observer]:
        # It is asked in the first execution only: the others would not end if they had the job.
        yield Asking(folder.path, "endless", ("cancel", "endless"))

    def bar(title: str, about_s: float | None = None) -> AbstractContextManager[Any]:
        return nullcontext(lambda done, total: None)

    voice = Voice(reported.append, bar, watch)
    with CoreLock(sorted(os.sched_getaffinity(0)), print, share=True) as lock:
        for stage in (BEST, ALONE, AGAIN):
            carry_out(folder, stage, request, voice, lock, AS_USUAL)
            assert folder.is_done(stage.name)
    assert failed_jobs(folder) == []
    for stage in (BEST, ALONE, AGAIN):
        found = folder.read(stage.place)
        assert found is not None
        endless, last = found[1].jobs
        assert (endless.state, last.state) == ("cancelled", "done")
        assert endless.started == (stage == BEST)
    told = "without endless, cancelled in this run before"
    assert reported == [f"one job at a time: {told}", f"best schedule again: {told}"]
    with Journal(folder.path / ALONE.place / NAME) as journal:
        kinds = [t.kind for t in journal.transitions() if t.job == "endless"]
    assert kinds == ["submitted", "cancelled"]
