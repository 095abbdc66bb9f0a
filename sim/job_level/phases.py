"""The phases of a job, and how much of each it does."""

from __future__ import annotations

from rmixer.scheduling.problem import ProfiledJob

PHASES = ("build", "warmup", "train", "evaluate", "save")


def phases_of(each: ProfiledJob) -> list[tuple[str, float, int]]:
    """Each of :data:`PHASES` with its amount and the training steps that it makes. The amount is
    that of steps in ``train``, and of any other phase the share that is done: all of it, but of a
    warm-up that the job's few steps cut short."""
    steps, whole = each.job.steps, each.profile.warmup_steps
    warmup = min(whole, steps)
    amounts = (1.0, warmup / whole if warmup else 0.0, float(steps - warmup), 1.0, 1.0)
    return list(zip(PHASES, amounts, (0, warmup, steps - warmup, 0, 0), strict=True))
