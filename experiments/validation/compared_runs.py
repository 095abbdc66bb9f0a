"""The runs of one workload that a comparison uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from experiments.run_files.run_folder import (
    REPEAT,
    SEQUENTIAL,
    SEQUENTIAL_PREDICTED,
    RunFolder,
)
from rmixer.errors import InputError
from rmixer.run_record.run_summary import RunSummary

ABLATIONS = ("no_contention", "sum_of_operators")


@dataclass(frozen=True)
class Runs:
    """One schedule, ``predicted`` and ``measured``; ``repeat`` is a second execution of it.

    ``sequential`` and its prediction are the same jobs one at a time, ``ablations`` the schedule
    predicted by simpler models. ``late`` is the number of jobs left out because they were added to
    an execution after it had begun.
    """

    predicted: RunSummary
    measured: RunSummary
    repeat: RunSummary | None = None
    sequential_predicted: RunSummary | None = None
    sequential: RunSummary | None = None
    ablations: Mapping[str, RunSummary] = field(default_factory=dict)
    late: int = 0

    @property
    def executions(self) -> tuple[RunSummary, ...]:
        """The executions of the schedule."""
        return (self.measured,) if self.repeat is None else (self.measured, self.repeat)

    @property
    def shared_with(self) -> tuple[str, ...]:
        """The runs that used the same cores during any of the executions, one at a time
        included."""
        return tuple(dict.fromkeys(who for run in self._every for who in run.shared_with))

    @property
    def interruptions(self) -> int:
        """The number of interruptions of the executions, one at a time included."""
        return sum(run.interruptions for run in self._every)

    @property
    def _every(self) -> tuple[RunSummary, ...]:
        alone = () if self.sequential is None else (self.sequential,)
        return (*self.executions, *alone)

    def of_predicted_jobs(self) -> Runs:
        """The same without the jobs that the summary of the measured run leaves out, and those
        added late. Raises :class:`InputError` if the remaining jobs of another run differ."""
        late = sum(job.late for run in self._every for job in run.jobs)
        measured, repeat, sequential = map(_in_time, (self.measured, self.repeat, self.sequential))
        assert measured is not None
        jobs = tuple(job for job in measured.jobs if not job.was_left_out)
        measured = replace(measured, jobs=jobs)
        others = (self.predicted, self.sequential_predicted, sequential, repeat)
        for other in (*others, *self.ablations.values()):
            if other is not None:
                _check_same_jobs(measured, other)
        return replace(self, measured=measured, repeat=repeat, sequential=sequential, late=late)


def runs_in(folder: RunFolder, measured: RunSummary, predicted: RunSummary) -> Runs:
    """``measured`` and ``predicted``, with the other runs in ``folder`` to compare them with."""
    ablations = {name: _summary(folder, f"ablations/{name}") for name in ABLATIONS}
    return Runs(
        predicted,
        measured,
        repeat=_summary(folder, REPEAT),
        sequential_predicted=_summary(folder, SEQUENTIAL_PREDICTED),
        sequential=_summary(folder, SEQUENTIAL),
        ablations={name: run for name, run in ablations.items() if run is not None},
    )


def _summary(folder: RunFolder, part: str) -> RunSummary | None:
    found = folder.read(part)
    return found[1] if found else None


def _in_time(run: RunSummary | None) -> RunSummary | None:
    if run is None or not any(job.late for job in run.jobs):
        return run
    return replace(run, jobs=tuple(job for job in run.jobs if not job.late))


def _check_same_jobs(one: RunSummary, other: RunSummary) -> None:
    odd = {job.id for job in one.jobs} ^ {job.id for job in other.jobs}
    if odd:
        found = f"{', '.join(sorted(odd))} in only one of {one.run!r} and {other.run!r}"
        raise InputError(f"run {other.run}", "jobs", found, "the same jobs in every run compared")
