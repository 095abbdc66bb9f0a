"""The paths of the files of a job."""

from __future__ import annotations

from dataclasses import dataclass

from rmixer.training.job_checkpoints import Checkpointing


@dataclass(frozen=True)
class JobFiles:
    """``weights`` takes the trained weights. With ``checkpointing`` the job resumes from its
    checkpoint, if there is one, and writes others. ``metrics`` takes its metrics over time, and the
    folder ``tensorboard`` the same as event files. Paths are text, because they are sent to a
    worker."""

    weights: str
    checkpointing: Checkpointing | None = None
    metrics: str | None = None
    tensorboard: str | None = None
