"""Runs that are asked something while they go on, as another process would."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from executed_workloads import profile_of, this_machine

from executor.journal.journal import NAME, Answer, Journal
from executor.supervision.observer import Observer
from rmixer.errors import InputError
from rmixer.files.typed_files import plain
from rmixer.scheduling.problem import ProfiledJob, problem_of
from rmixer.workload.workload import Job, Workload


def profiled(jobs: Sequence[Job]) -> Sequence[ProfiledJob]:
    """What a run finds of jobs that are added to it; of one that is called huge nothing."""
    if any(job.id == "huge" for job in jobs):
        raise InputError("workload added", "huge", "9 TiB", "less")
    profiles = {job.identity.key: profile_of(job) for job in jobs}
    return problem_of(Workload("added", 0, tuple(jobs)), this_machine(), profiles).jobs


class Asking(Observer):
    """Asks everything once ``job`` has made some steps; another process would do it alike."""

    def __init__(self, folder: Path, job: str, *questions: tuple[Any, object]) -> None:
        self._folder, self._job, self._questions = folder, job, questions
        self.numbers: list[int] = []
        self.ended_jobs: list[tuple[str, str]] = []

    def progress(self, job: str, steps: int) -> None:
        if job == self._job and steps > 10 and not self.numbers:
            with Journal(self._folder / NAME) as journal:
                self.numbers = [journal.ask(*question) for question in self._questions]

    def ended(self, job: str, state: str, error: str | None) -> None:
        self.ended_jobs.append((job, state))

    def answers(self) -> list[Answer | None]:
        with Journal(self._folder / NAME) as journal:
            return [journal.answer_to(number) for number in self.numbers]


def added(*jobs: Job) -> dict[str, object]:
    return {"jobs": plain(list(jobs))}
