"""The jobs of a run that could not be profiled. The run trains the others and reports these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from experiments.run_files.run_folder import RunFolder
from rmixer.errors import RunFailed
from rmixer.files.typed_files import write_text
from rmixer.run_record.run_summary import never_started
from rmixer.workload.workload import Job, Workload


@dataclass(frozen=True)
class Unprofiled:
    """The jobs of ``workload`` that could not be profiled: those whose cost identity is a key of
    ``failures``."""

    workload: Workload
    failures: Mapping[str, RunFailed]

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs that could not be profiled, copies included."""
        return tuple(job for job in self.workload.jobs if job.identity.key in self.failures)

    def rest(self) -> Workload:
        """Returns the workload without them. Raises :class:`RunFailed` with all reasons if none is
        left."""
        lost = {job.id for job in self.jobs}
        left = tuple(job for job in self.workload.jobs if job.id not in lost)
        if not left:
            reasons = "; ".join(f"{job.id}: {self._why(job)}" for job in self.jobs)
            raise RunFailed(f"no job of {self.workload.name} could be profiled: {reasons}")
        return replace(self.workload, jobs=left)

    def settings(self) -> dict[str, object]:
        """The entry in ``config.yaml``. It has no reasons: if they fail again in another way, the
        run is the same."""
        keys = {job.id: job.identity.key for job in self.jobs}
        return {"not_profiled": keys} if keys else {}

    def write(self, folder: RunFolder, part: str) -> None:
        """Adds them to the summary of ``part`` as failed, in order of submission, and their errors
        to ``failures/``. Does nothing if there is no summary."""
        found = folder.read(part)
        if not self.jobs or found is None:
            return
        timeline, summary = found
        failed = {
            job.id: never_started(job.id, job.model, "failed", self._why(job)) for job in self.jobs
        }
        executed = {job.id: job for job in summary.jobs if job.id not in failed}
        every = {**executed, **failed}
        submitted = [job.id for job in self.workload.jobs if job.id in every]
        jobs = tuple(every[job] for job in dict.fromkeys((*submitted, *every)))
        folder.write(part, timeline, replace(summary, jobs=jobs))
        for job in self.jobs:
            text = str(self.failures[job.identity.key]).rstrip()
            write_text(folder.path / part / "failures" / f"{job.id}.txt", f"{text}\n")

    def _why(self, job: Job) -> str:
        return f"not profiled: {self.failures[job.identity.key].reason}"
