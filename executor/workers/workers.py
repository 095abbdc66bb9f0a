"""The interface of workers to the supervisor: start a job, hear events, stop."""

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
    """Trains ``job`` at ``place`` with a thread on each of ``cores``; its results go to ``files``.

    It may hold ``promised_bytes`` of this machine's memory and somewhat more (0: unknown). On a GPU
    torch may take ``most_gpu_bytes`` of its memory (0: all). ``steps_made`` were done by earlier
    attempts of a program, which resumes by itself if it can. The user is told of a program without
    a step after ``first_step_s``. ``log`` takes its output.
    """

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
    """An event at ``place``, at ``at_s`` of this process's ``time.perf_counter`` (not the worker's
    clock)."""

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
    """The job goes on after ``steps`` steps of an earlier attempt (0: it starts again). ``remarks``
    name damaged checkpoints."""

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
    """Some output of the job could not be written, as ``text`` says. The job goes on."""

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
    """The job has ended in order. ``answer`` is the result of
    :func:`rmixer.training.train_job.train_job`. For a program it has only ``interrupted``,
    ``peak_bytes`` and, if there is something that the user should know, ``remark``."""

    answer: dict[str, Any]


@dataclass(frozen=True)
class JobFailed(Event):
    """The job has failed. The class of ``failure`` is the cause: OutOfMemory, WorkerLost, another
    TaskFailed."""

    failure: RunFailed


class Workers(Protocol):
    """Train jobs somewhere: in warm processes, in a process that shares a GPU, on a cluster.

    A job that holds much more memory than was booked for it is ended, and one of the jobs if the
    machine runs short of memory. Either comes as :class:`JobFailed` with :class:`OutOfMemory`.

    After :class:`JobEnded` or :class:`JobFailed` the place is free again. If a worker dies, its job
    comes as :class:`JobFailed`.
    """

    @property
    def startup_s(self) -> float:
        """Seconds that :meth:`open` took."""

    def open(self) -> None:
        """Gets all workers ready. Raises :class:`RunFailed` if one does not start."""

    def start(self, order: TrainingOrder) -> None:
        """Starts a job at a free place. An error comes as an event."""

    def wait(self, timeout_s: float | None) -> None:
        """Blocks until an event is there or ``timeout_s`` has passed."""

    def events(self) -> list[Event]:
        """The events since the last call, in order at each place."""

    def replace_ended(self) -> None:
        """Put a fresh worker in place of each idle one that has died."""

    def ask_to_stop(self, place: Place) -> None:
        """Ask the job at ``place`` to end after its present step."""

    def cpu_s(self, place: Place) -> float:
        """The processor time that the processes at ``place`` have used so far, in seconds."""

    def end(self, place: Place, why: RunFailed) -> None:
        """Ends the job at ``place`` at once, with all its processes. It comes as a
        :class:`JobFailed` with ``why``."""

    def processes(self, device: str) -> list[list[int]]:
        """The process ids of each worker at ``device``, idle ones too, with the processes that it
        started."""

    def memory_bytes(self, device: str) -> int:
        """Bytes of this machine's memory that the workers at ``device`` hold now, idle ones too."""

    def cpu_seconds(self) -> float:
        """Processor seconds of all workers so far, with those that have ended."""

    def close(self, grace_s: float) -> None:
        """Asks all jobs to stop, and ends every worker within about ``grace_s``."""
