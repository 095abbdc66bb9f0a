"""What the supervisor knows of its workers: start a job, hear what happens, stop."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Protocol

from rmixer.errors import RunFailed
from rmixer.training.job_files import JobFiles
from rmixer.workload.workload import Job

Place = tuple[str, int]
"""A device and one of its slots."""


@dataclass(frozen=True)
class TrainingOrder:
    """``job`` at ``place`` with a thread on each of ``cores``, which leaves what it makes in
    ``files``.

    It may hold ``promised_bytes`` of this machine's memory, and somewhat more (0: nobody knows); on
    a GPU torch may take ``most_gpu_bytes`` of that one's (0: all). A program goes on by itself, if
    it can: ``steps_made`` is what earlier attempts at it made. Where one makes no step within
    ``first_step_s`` its user is told. ``log`` takes what it prints."""

    place: Place
    job: Job
    cores: tuple[int, ...]
    files: JobFiles
    promised_bytes: int = 0
    steps_made: int = 0
    log: Path | None = None
    most_gpu_bytes: int = 0
    first_step_s: float = inf


@dataclass(frozen=True)
class Event:
    """Something that happened at ``place``, at ``at_s`` of this process's ``time.perf_counter``,
    whatever clock the worker has."""

    place: Place
    at_s: float


@dataclass(frozen=True)
class PhaseBegan(Event):
    """The job at the place begins ``phase``."""

    phase: str


@dataclass(frozen=True)
class StepsMade(Event):
    """More steps have ended, each at one of ``ends_s`` (the same clock as ``at_s``). ``loss`` is
    that of one of the last, if it is known."""

    ends_s: tuple[float, ...]
    loss: float | None = None


@dataclass(frozen=True)
class Resumed(Event):
    """The job goes on after ``steps`` steps of an earlier attempt, 0 if it begins anew. ``remarks``
    say which checkpoints were damaged."""

    steps: int
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Checkpointed(Event):
    """A checkpoint after ``steps`` steps is on the disk; it ``took_s``."""

    steps: int
    took_s: float


@dataclass(frozen=True)
class CheckpointFailed(Event):
    """A checkpoint could not be written, as ``text`` says. The job goes on."""

    text: str


@dataclass(frozen=True)
class LossWentBad(Event):
    """The loss is NaN or infinite, as ``text`` says: at ``step``, or on held-out data (None)."""

    step: int | None
    text: str


@dataclass(frozen=True)
class OutputLost(Event):
    """Some of what the job printed could not be written, as ``text`` says. The job goes on."""

    text: str


@dataclass(frozen=True)
class NoStepYet(Event):
    """The program has made no step in all the time that it had for its first, as ``text`` says. It
    goes on."""

    text: str


@dataclass(frozen=True)
class CoresExchanged(Event):
    """The place's threads took ``taken_us`` to exchange a fixed amount of data."""

    taken_us: float


@dataclass(frozen=True)
class JobEnded(Event):
    """The job has ended in order. ``answer`` is what :func:`rmixer.training.train_job.train_job`
    returns; of a program ``interrupted`` and ``peak_bytes`` alone, and ``remark``: what its user
    should know, if there is anything."""

    answer: dict[str, Any]


@dataclass(frozen=True)
class JobFailed(Event):
    """The job has failed; the class of ``failure`` says why: OutOfMemory, WorkerLost, another
    TaskFailed."""

    failure: RunFailed


class Workers(Protocol):
    """Train jobs somewhere: in warm processes, in a process that shares a GPU, on a cluster.

    A job that holds much more memory than it was promised is ended, and one of them where the
    machine runs short of memory: it comes as :class:`JobFailed` with :class:`OutOfMemory`.

    After :class:`JobEnded` or :class:`JobFailed` the place is free again. The job of a worker that
    dies comes as :class:`JobFailed`.
    """

    @property
    def startup_s(self) -> float:
        """Seconds that :meth:`open` took."""
        ...

    def open(self) -> None:
        """Get all workers ready. Raises :class:`RunFailed` if one does not start."""
        ...

    def start(self, order: TrainingOrder) -> None:
        """Start a job at a free place. What goes wrong comes as an event."""
        ...

    def wait(self, timeout_s: float | None) -> None:
        """Block until an event is there, or ``timeout_s`` has passed."""
        ...

    def events(self) -> list[Event]:
        """All that has happened since the last call, in order at each place."""
        ...

    def replace_ended(self) -> None:
        """Put a fresh worker in place of each idle one that has died."""
        ...

    def ask_to_stop(self, place: Place) -> None:
        """Ask the job at ``place`` to end after its present step."""
        ...

    def cpu_s(self, place: Place) -> float:
        """The processor time that the processes at ``place`` have used so far, in seconds."""
        ...

    def end(self, place: Place, why: RunFailed) -> None:
        """End the job at ``place`` at once, with all its processes. It comes as a
        :class:`JobFailed` with ``why``."""
        ...

    def processes(self, device: str) -> list[list[int]]:
        """The processes of each worker at ``device``, idle ones too: its own, and those that it
        started."""
        ...

    def memory_bytes(self, device: str) -> int:
        """What the workers at ``device`` hold of this machine's memory now, idle ones too."""
        ...

    def cpu_seconds(self) -> float:
        """Processor time of all workers so far, of those that have ended too."""
        ...

    def close(self, grace_s: float) -> None:
        """Ask all jobs to stop, and end every worker within about ``grace_s``."""
        ...
