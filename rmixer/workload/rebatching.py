"""Changes the batch of a job on as many samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil

from rmixer.workload.workload import Job


def has_batch(job: Job) -> bool:
    """True if the workload sets the batch of ``job``; false for programs, durations and imported
    profiles."""
    return job.batch > 0 and (job.in_registry or job.is_own)


def with_batch(job: Job, batch: int) -> Job:
    """Returns ``job`` in steps of ``batch`` samples on as many samples as before. The number of
    steps is rounded up, and the last step is a whole batch, so the job sees up to a batch more. The
    samples between evaluations and in the learning rate's warm-up stay the same, to within half a
    batch. Evaluations use at most as many samples as before, but at least one batch."""
    if batch == job.batch:
        return job

    def about(count: int) -> int:
        return max(1, round(count * job.batch / batch))

    sized = in_steps(job, ceil(job.steps * job.batch / batch), about)
    if (evaluate := sized.evaluate) is not None:
        batches = max(1, evaluate.batches * job.batch // batch)
        sized = replace(sized, evaluate=replace(evaluate, batches=batches))
    return replace(sized, batch=batch)


def in_steps(job: Job, steps: int, scaled: Callable[[int], int]) -> Job:
    """Returns ``job`` in other ``steps``; ``scaled`` gives the new number of those between its
    evaluations and of those in which its learning rate rises."""
    evaluate, schedule = job.evaluate, job.lr_schedule
    if evaluate is not None and evaluate.every_steps is not None:
        evaluate = replace(evaluate, every_steps=scaled(evaluate.every_steps))
    if schedule is not None and schedule.warmup_steps:
        schedule = replace(schedule, warmup_steps=scaled(schedule.warmup_steps))
    return replace(job, steps=steps, evaluate=evaluate, lr_schedule=schedule)
