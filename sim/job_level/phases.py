"""The phases of a job, and how much of each it does."""

from __future__ import annotations

from rmixer.scheduling.problem import ProfiledJob

PHASES = ("build", "warmup", "train", "evaluate", "save")


def warmup_steps(each: ProfiledJob) -> int:
    """The steps that a job makes while it warms up."""
    return min(each.profile.warmup_steps, each.job.steps)


def phase_amount(each: ProfiledJob, phase: str) -> float:
    """Training steps in ``train``, of any other phase the share that is done: all of it, but of a
    warm-up that the job's few steps cut short."""
    steps = warmup_steps(each)
    if phase == "train":
        return float(each.job.steps - steps)
    if phase == "warmup":
        return steps / each.profile.warmup_steps if steps else 0.0
    return 1.0
