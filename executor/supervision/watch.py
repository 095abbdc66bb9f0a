"""Looks after running jobs: hangs, and memory beyond what was promised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from executor.records.job_record import JobRecord
from executor.workers.workers import Place, Workers
from profiles.machines import limits
from rmixer.display.quantities import size
from rmixer.errors import RunFailed, WorkerSilent
from rmixer.hardware.machine import Machine
from rmixer.training.task_failure import OutOfMemory

MOST_OF_PROMISE = 1.5
FLOOR_SHARE, FLOOR_BYTES = 0.02, 256 << 20
"""Of the machine's memory, what is to stay free: this share, and at least so much."""
IDLE_SHARE = 0.01
"""A job that uses less of a core than this does nothing."""
BUSY_TIMES = 30.0
"""How many times as long a job may be silent that uses its processors."""


@dataclass
class _Sign:
    """When a job last gave a sign of life, and the processor time that it had used by then."""

    at_s: float
    cpu_s: float


class Watch:
    """Watches the jobs of ``workers`` on ``machine``. A job without a sign of life for
    ``hang_after_s`` that uses no processor hangs, and so does one that is silent for 30 times as
    long whatever it uses."""

    def __init__(self, workers: Workers, hang_after_s: float, machine: Machine) -> None:
        self._workers, self._hang_after_s = workers, hang_after_s
        self._floor_bytes = max(FLOOR_BYTES, int(FLOOR_SHARE * machine.memory_bytes))
        self._signs: dict[Place, _Sign] = {}
        self._seen_bytes: dict[str, int] = {}

    def seen_bytes(self, job: str) -> int:
        """The most that ``job`` was seen to hold since it was started last."""
        return self._seen_bytes.get(job, 0)

    def hurry(self, hang_after_s: float, now_s: float) -> None:
        """From now on a job may do nothing for ``hang_after_s``."""
        self._hang_after_s = min(self._hang_after_s, hang_after_s)
        for place in self._signs:
            self.alive(place, now_s)

    def alive(self, place: Place, now_s: float) -> None:
        """The job at ``place`` has said something."""
        self._signs[place] = _Sign(now_s, self._signs[place].cpu_s if place in self._signs else 0.0)

    def began(self, place: Place, job: str, now_s: float) -> None:
        """A job starts at ``place``."""
        used = self._workers.usage(place)
        self._signs[place] = _Sign(now_s, used.cpu_s if used else 0.0)
        self._seen_bytes[job] = 0

    def look(
        self, running: Mapping[Place, JobRecord], now_s: float
    ) -> list[tuple[Place, RunFailed]]:
        """The jobs that are to be ended now, and why."""
        held: dict[Place, int] = {}
        found: list[tuple[Place, RunFailed]] = []
        for place, record in running.items():
            used = self._workers.usage(place)
            if used is None:
                continue
            job = record.job.id
            held[place] = used.memory_bytes
            self._seen_bytes[job] = max(self.seen_bytes(job), used.memory_bytes)
            if used.memory_bytes > MOST_OF_PROMISE * record.predicted_bytes:
                found.append((place, _too_much(used.memory_bytes, record.predicted_bytes, "")))
            elif (silent_s := self._silent_s(place, used.cpu_s, now_s)) is not None:
                found.append((place, _hangs(record, silent_s)))
        if held and not found and limits.free_memory_bytes() < self._floor_bytes:
            place = max(held, key=lambda each: held[each] - running[each].predicted_bytes)
            left = f"; less than {size(self._floor_bytes)} of the machine's memory was left"
            found.append((place, _too_much(held[place], running[place].predicted_bytes, left)))
        return found

    def _silent_s(self, place: Place, cpu_s: float, now_s: float) -> float | None:
        """How long the job at ``place`` has been silent, if that is too long."""
        sign = self._signs[place]
        silent_s = now_s - sign.at_s
        if silent_s <= self._hang_after_s:
            sign.cpu_s = cpu_s if silent_s <= 0.5 * self._hang_after_s else sign.cpu_s
            return None
        idle = cpu_s - sign.cpu_s < IDLE_SHARE * silent_s
        return silent_s if idle or silent_s > BUSY_TIMES * self._hang_after_s else None


def _too_much(held_bytes: int, promised_bytes: int, why: str) -> OutOfMemory:
    text = f"it held {size(held_bytes)} of memory, its profile says {size(promised_bytes)}{why}"
    return OutOfMemory(text, text, "out_of_memory")


def _hangs(record: JobRecord, silent_s: float) -> WorkerSilent:
    phase = record.phases[-1][0] if record.phases else "start"
    return WorkerSilent(f"it gave no sign of life for {silent_s:.0f} s (phase {phase})")
