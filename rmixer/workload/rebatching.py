"""A job at another batch, on as many samples."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from rmixer.workload.workload import Job


def has_batch(job: Job) -> bool:
    """Whether the workload decides the batch of ``job``: of a program, of durations and of an
    imported profile it does not."""
    return job.batch > 0 and (job.in_registry or job.is_own)


def with_batch(job: Job, batch: int) -> Job:
    """``job`` in steps of ``batch`` samples on as many samples as before. The number of steps is
    rounded up, and the last one is a whole batch: it sees less than a batch more. Evaluations are
    as many samples apart, to within half a batch, and on at most as many, but at least one batch;
    the warm-up of the learning rate is as long, to within half a batch."""
    if batch == job.batch:
        return job

    def about(count: int) -> int:
        return max(1, round(count * job.batch / batch))

    evaluate, schedule = job.evaluate, job.lr_schedule
    if evaluate is not None:
        every, batches = evaluate.every_steps, max(1, evaluate.batches * job.batch // batch)
        evaluate = replace(evaluate, every_steps=every and about(every), batches=batches)
    if schedule is not None and schedule.warmup_steps:
        schedule = replace(schedule, warmup_steps=about(schedule.warmup_steps))
    steps = ceil(job.steps * job.batch / batch)
    return replace(job, batch=batch, steps=steps, evaluate=evaluate, lr_schedule=schedule)
