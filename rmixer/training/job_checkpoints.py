"""Decides when a training job writes a checkpoint, and reports it to the parent."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rmixer.errors import RunFailed
from rmixer.files.typed_files import content_hash
from rmixer.training.checkpoint import load_checkpoint, save_checkpoint
from rmixer.training.worker import Channel
from rmixer.workload.workload import Job

SHARE = 0.01
"""The share of the time that checkpoints may take."""
LEAST_S, MOST_S = 10.0, 300.0
"""Shortest and longest time from the end of one to the beginning of the next."""
UNMEASURED_BYTES_PER_S = 200e6
"""The expected speed of writing the first checkpoint, that of a slow disk."""
_OF_THE_JOB = ("model", "batch", "optimizer", "lr", "seed", "rows_cap", "data", "precision")
_OF_SOME = ("weight_decay", "betas", "momentum", "lr_schedule")
"""Settings that few jobs have. Without them, checkpoints of earlier releases are valid."""


@dataclass(frozen=True)
class Checkpointing:
    """The path of a job's checkpoints (``path``; the one before is next to it), and the seconds
    between them. None: they take under 1% of the time, but come at least every 5 minutes."""

    path: str
    every_s: float | None = None


class JobCheckpoints:
    """The checkpoints of one job, while it trains."""

    def __init__(self, settings: Checkpointing, job: Job) -> None:
        self._path, self._every_s = Path(settings.path), settings.every_s
        self._steps = job.steps
        self._job = content_hash(_decisive(job))
        self._due_s = float("inf")

    def find(self, channel: Channel) -> tuple[int, dict[str, Any]] | None:
        """The steps done and the state after them; None if the job begins anew. Sends ``resumed``
        (``steps``, and ``remarks`` on damaged files) if any file was there.

        Raises :class:`RunFailed` for the checkpoint of another job.
        """
        found = load_checkpoint(self._path)
        if found.state is not None and (
            found.state["job"] != self._job or found.step > self._steps
        ):
            names = ", ".join((*_OF_THE_JOB, *_OF_SOME, "source"))
            raise RunFailed(
                f"{self._path} is the checkpoint of another job, after its step {found.step} (one "
                f"of these differs, or it has fewer steps now: {names}): remove it, or give this "
                "job a path of its own"
            )
        if found.state is not None or found.remarks:
            channel.send("resumed", steps=found.step, remarks=list(found.remarks))
        return None if found.state is None else (found.step, found.state)

    def begin(self, held_bytes: int) -> None:
        """Starts the clock for the first checkpoint, of about ``held_bytes``."""
        self._wait(held_bytes / UNMEASURED_BYTES_PER_S)

    def due(self, now_s: float) -> bool:
        """True if one should be written at ``now_s`` by ``time.perf_counter``."""
        return now_s >= self._due_s

    def write(self, channel: Channel, state_of: Callable[[], tuple[int, dict[str, Any]]]) -> None:
        """Writes the steps done and the state that ``state_of`` returns. Sends ``checkpointed``
        (``steps``, ``took_s``), or ``checkpoint_failed`` (``text``) on an error: training then goes
        on, and the checkpoint before is still there."""
        start_s = time.perf_counter()
        try:
            steps, state = state_of()
            save_checkpoint(self._path, steps, {"job": self._job, **state})
        except (OSError, RunFailed) as error:
            channel.send("checkpoint_failed", text=str(error))
        else:
            channel.send("checkpointed", steps=steps, took_s=time.perf_counter() - start_s)
        self._wait(time.perf_counter() - start_s)

    def _wait(self, cost_s: float) -> None:
        wait_s = pause_s(cost_s) if self._every_s is None else self._every_s
        self._due_s = time.perf_counter() + wait_s


def _decisive(job: Job) -> list[object]:
    """The values in which a job must equal ``job`` to use its checkpoint."""
    said = asdict(job)
    decisive = [*(said[name] for name in _OF_THE_JOB), job.source]
    some = {name: said[name] for name in _OF_SOME if said[name] is not None}
    if job.lr_schedule is not None:
        some["steps"] = job.steps  # the rate falls towards the last one
    return [*decisive, some] if some else decisive


def pause_s(cost_s: float) -> float:
    """Seconds until the next checkpoint, if one takes ``cost_s``, so that checkpoints take
    :data:`SHARE` of the time, within :data:`LEAST_S` and :data:`MOST_S`."""
    return min(MOST_S, max(LEAST_S, cost_s / SHARE))
