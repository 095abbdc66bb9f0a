"""The result of a run that trains, read from its folder."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.run_files.run_folder import MEASURED, RunFolder
from experiments.stages.comparing import validate_run
from experiments.stages.executions import failed_jobs
from experiments.validation.comparison import Comparison
from rmixer.run_record.run_summary import JobSummary, RunSummary


@dataclass(frozen=True)
class TrainedRun:
    """The run in ``folder``: the ``summary`` of what was executed, its ``comparison`` with the
    prediction, and the jobs that ``failed``, each with its reason."""

    folder: RunFolder
    summary: RunSummary
    comparison: Comparison
    failed: tuple[str, ...]

    @classmethod
    def of(cls, folder: RunFolder) -> TrainedRun:
        """Reads ``folder`` and writes ``compare.json`` and ``trace.json``; raises
        :class:`~rmixer.errors.InputError` unless it holds a schedule predicted and executed."""
        comparison = validate_run(folder)
        found = folder.read(MEASURED)
        assert found is not None  # or there was nothing to compare
        return cls(folder, found[1], comparison, tuple(failed_jobs(folder)))

    @property
    def makespan_s(self) -> float:
        """Seconds from the first start to the end of the last job."""
        return self.summary.makespan_s

    @property
    def jobs(self) -> tuple[JobSummary, ...]:
        """A row for each job: device, start, end, loss, quality."""
        return self.summary.jobs
