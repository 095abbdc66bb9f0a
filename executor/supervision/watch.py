"""Finds jobs that hang."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from executor.records.job_record import JobRecord
from executor.workers.workers import Place, Workers
from rmixer.errors import RunFailed, WorkerSilent

IDLE_SHARE = 0.01
"""A job that uses less of a core than this does nothing."""
BUSY_TIMES = 30.0
"""A job that uses its processors may be silent this many times as long."""


@dataclass
class _Sign:
    """The time at which a job last gave a sign of life, and its processor time at ``cpu_at_s``,
    soon after."""

    at_s: float
    cpu_at_s: float | None = None
    cpu_s: float = 0.0


class Watch:
    """Watches the jobs of ``workers``. A job hangs if it gives no sign of life for ``hang_after_s``
    and uses no processor, or if it is silent for 30 times as long."""

    def __init__(self, workers: Workers, hang_after_s: float) -> None:
        self._workers, self._hang_after_s = workers, hang_after_s
        self._signs: dict[Place, _Sign] = {}

    def hurry(self, hang_after_s: float, now_s: float) -> None:
        """Lowers the time that a job may do nothing to ``hang_after_s``."""
        self._hang_after_s = min(self._hang_after_s, hang_after_s)
        for place in self._signs:
            self.alive(place, now_s)

    def alive(self, place: Place, now_s: float) -> None:
        """Notes that the job at ``place`` starts or has reported something."""
        self._signs[place] = _Sign(now_s)

    def look(
        self, running: Mapping[Place, JobRecord], now_s: float
    ) -> list[tuple[Place, RunFailed]]:
        """The jobs that hang. A job that reported something recently is not looked at."""
        found: list[tuple[Place, RunFailed]] = []
        for place, record in running.items():
            sign = self._signs[place]
            silent_s = now_s - sign.at_s
            if silent_s <= 0.5 * self._hang_after_s:
                continue
            cpu_s = self._workers.cpu_s(place)
            if sign.cpu_at_s is None:
                sign.cpu_at_s, sign.cpu_s = now_s, cpu_s
            if silent_s <= self._hang_after_s:
                continue
            idle = cpu_s - sign.cpu_s < IDLE_SHARE * (now_s - sign.cpu_at_s)
            if idle or silent_s > BUSY_TIMES * self._hang_after_s:
                found.append((place, _hangs(record, silent_s)))
        return found


def _hangs(record: JobRecord, silent_s: float) -> WorkerSilent:
    phase = record.phases[-1][0] if record.phases else "start"
    made = f"made {record.steps} steps, then none" if record.step_ends_s else "gave no sign of life"
    return WorkerSilent(f"it {made} for {silent_s:.0f} s (phase {phase})")
