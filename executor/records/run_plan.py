"""The plan of an execution, kept in its journal for programs that watch it."""

from __future__ import annotations

from dataclasses import dataclass, field

from rmixer.hardware.machine import Device
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.schedule import Schedule
from rmixer.scheduling.view import MemoryCheck


@dataclass(frozen=True)
class Expected:
    """Predictions for a job: its start, from the first dispatch of the run, and its mean training
    step with co-running jobs (None: unknown)."""

    start_s: float
    step_s: float | None


@dataclass(frozen=True)
class RunPlan:
    """The plan of an execution by ``policy`` of ``workload`` on the slots that ``layout`` has on
    ``devices``. ``schedule`` is the one that it replays (None: the policy decides as it goes).
    ``used_bytes`` is the part of each device's memory that others held. ``makespan_s`` and ``jobs``
    are the prediction, if there is one."""

    workload: str
    policy: str
    devices: tuple[Device, ...]
    layout: Layout
    memory: MemoryCheck
    schedule: Schedule | None = None
    used_bytes: dict[str, int] = field(default_factory=dict)
    makespan_s: float | None = None
    jobs: dict[str, Expected] = field(default_factory=dict)


def expected_of(summary: RunSummary) -> dict[str, Expected]:
    """The start and the mean step of each job in a prediction."""
    return {
        job.id: Expected(job.start_s, None if job.step_ms_mean is None else job.step_ms_mean / 1e3)
        for job in summary.jobs
    }
