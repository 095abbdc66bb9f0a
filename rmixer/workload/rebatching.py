"""Changes the batch of a job on as many samples."""

from __future__ import annotations

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

    evaluate, schedule = job.evaluate, job.lr_schedule
    if evaluate is not None:
        every, batches = evaluate.every_steps, max(1, evaluate.batches * job.batch // batch)
        evaluate = replace(evaluate, every_steps=every and about(every), batches=batches)
    if schedule is not None and schedule.warmup_steps:
        schedule = replace(schedule, warmup_steps=about(schedule.warmup_steps))
    steps = ceil(job.steps * job.batch / batch)
    return replace(job, batch=batch, steps=steps, evaluate=evaluate, lr_schedule=schedule)
