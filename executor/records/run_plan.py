"""What an execution set out to do, as its journal keeps it for those who look from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rmixer.files.typed_files import parse, plain
from rmixer.hardware.machine import Device
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.schedule import Schedule
from rmixer.scheduling.view import MemoryCheck


@dataclass(frozen=True)
class Expected:
    """What was predicted of a job: when it starts, from the first dispatch of the run, and its mean
    training step in its company (None if it was not known)."""

    start_s: float
    step_s: float | None


@dataclass(frozen=True)
class RunPlan:
    """An execution by ``policy`` of a workload of that name, on the slots that ``layout`` has on
    ``devices``. ``schedule`` is the one that it replays, None for a policy that decides as it goes;
    ``used_bytes`` is what others held of each device's memory; ``makespan_s`` and ``jobs`` are what
    was predicted, if anything was."""

    workload: str
    policy: str
    devices: tuple[Device, ...]
    layout: Layout
    memory: MemoryCheck
    schedule: Schedule | None = None
    used_bytes: dict[str, int] = field(default_factory=dict)
    makespan_s: float | None = None
    jobs: dict[str, Expected] = field(default_factory=dict)

    @classmethod
    def read(cls, detail: Mapping[str, Any]) -> RunPlan:
        """The plan as the journal has it."""
        return parse(dict(detail), cls, "the journal")

    @property
    def written(self) -> dict[str, Any]:
        """The same for the journal."""
        found: dict[str, Any] = plain(self)
        return found


def expected_of(summary: RunSummary) -> dict[str, Expected]:
    """What a prediction says of each job."""
    return {
        job.id: Expected(job.start_s, None if job.step_ms_mean is None else job.step_ms_mean / 1e3)
        for job in summary.jobs
    }
