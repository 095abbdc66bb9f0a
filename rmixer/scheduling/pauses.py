"""The pauses of a job between its training steps, in units of its profile's phases."""

from __future__ import annotations

from dataclasses import dataclass

from rmixer.model_profile.model_profile import ModelProfile, StepCost
from rmixer.workload.real_training import EVALUATION_BATCHES
from rmixer.workload.workload import Job


@dataclass(frozen=True)
class Pauses:
    """The job pauses for ``evaluations`` evaluations and ``checkpoints`` checkpoints. Each takes
    ``evaluation`` times the profile's evaluation, or ``checkpoint`` times its save."""

    evaluations: int
    evaluation: float
    checkpoints: int
    checkpoint: float

    def seconds(self, cost: StepCost) -> float:
        """Seconds of all pauses alone."""
        return (
            self.evaluations * self.evaluation * cost.evaluate_s
            + self.checkpoints * self.checkpoint * cost.save_s
        )


def pauses_of(job: Job, profile: ModelProfile, cost: StepCost) -> Pauses:
    """The pauses of ``job`` where a step costs ``cost``. Checkpoints count only if the job sets
    their interval: others are so rare that they cost under 1%. A checkpoint includes the
    optimizer's state. Evaluations of the job and of its profile use at most the held-out batches.
    """
    trained_s = max(0, job.steps - profile.warmup_steps) * cost.expected_us * 1e-6
    checkpoints = int(trained_s / job.save_every_s) if job.save_every_s else 0
    most = max(EVALUATION_BATCHES, job.evaluation.batches)
    if job.held_out is not None:
        most = max(1, -(-job.held_out // job.batch))  # the last may not be whole
    memory = next(each for each in profile.memory if each.device == cost.device)
    saved, kept = memory.parameter_bytes or 0, memory.optimizer_bytes or 0
    return Pauses(
        evaluations=job.evaluations_between,
        evaluation=min(job.evaluation.batches, most) / min(EVALUATION_BATCHES, most),
        checkpoints=checkpoints,
        checkpoint=1.0 + kept / saved if saved else 1.0,
    )
