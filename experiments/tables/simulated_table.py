"""The jobs of a simulated run: place, time, and slow-down by co-running jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rmixer.display.quantities import ABSENT, figures, milliseconds, time_unit
from rmixer.display.tables import NumberTable
from rmixer.run_record.run_summary import JobSummary
from rmixer.scheduling.problem import ProfiledJob

MOST_ROWS = 100


@dataclass(frozen=True)
class SimulatedJob:
    """A job of a simulation. ``slowdown`` is its mean step over the step alone in its profile, on
    the same kind of device with as many threads (both without stalls); None if it trained no step,
    or for a table of durations."""

    summary: JobSummary
    slowdown: float | None


def simulated_jobs(
    simulated: Iterable[JobSummary], jobs: Mapping[str, ProfiledJob]
) -> tuple[SimulatedJob, ...]:
    """The jobs of a simulated run in the order of their starts; ``jobs`` by their ids."""
    order = sorted(simulated, key=lambda job: (job.start_s, job.device, job.slot))
    return tuple(SimulatedJob(job, _slowdown(job, jobs[job.id])) for job in order)


def _slowdown(job: JobSummary, profiled: ProfiledJob) -> float | None:
    if job.step_ms_mean is None or profiled.profile.origin == "table":
        return None
    kind = job.device.rpartition("/")[2].partition(":")[0]
    cost = profiled.profile.step(kind, job.threads)
    return job.step_ms_mean / ((cost.expected_us - cost.stall_us) * 1e-3)


def simulated_table(jobs: Iterable[SimulatedJob], most: int = MOST_ROWS) -> NumberTable:
    """A row a job, at most ``most``. All times but those of steps are in one unit, which the title
    names, from the start of the run."""
    rows = list(jobs)
    unit, unit_s = time_unit(max((row.summary.end_s for row in rows), default=0.0))
    table = NumberTable(f"Jobs in order of start; times in {unit} from the first start")
    table.shortened("job").words("device")
    table.numbers("slot", "threads", "start", "end", "step", "slower with\nneighbours")
    for row in rows[:most]:
        job = row.summary
        table.add_row(
            job.id,
            job.device,
            str(job.slot),
            str(job.threads),
            figures(job.start_s / unit_s),
            figures(job.end_s / unit_s),
            ABSENT if row.slowdown is None else milliseconds(job.step_ms_mean),
            ABSENT if row.slowdown is None else f"{row.slowdown:.2f}×",
        )
    if len(rows) > most:
        table.caption = f"{len(rows) - most} more in summary.json"
    return table
