"""What a job does between its training steps, in units of the phases that its profile knows."""

from __future__ import annotations

from dataclasses import dataclass

from rmixer.model_profile.model_profile import ModelProfile, StepCost
from rmixer.workload.real_training import EVALUATION_BATCHES
from rmixer.workload.workload import Job


@dataclass(frozen=True)
class Pauses:
    """The job pauses to be evaluated ``evaluations`` times, and to write a checkpoint
    ``checkpoints`` times. An evaluation is ``evaluation`` of the profile's, a checkpoint is
    ``checkpoint`` of its saves."""

    evaluations: int
    evaluation: float
    checkpoints: int
    checkpoint: float

    def seconds(self, cost: StepCost) -> float:
        """What all of them take alone."""
        return (
            self.evaluations * self.evaluation * cost.evaluate_s
            + self.checkpoints * self.checkpoint * cost.save_s
        )


def pauses_of(job: Job, profile: ModelProfile, cost: StepCost) -> Pauses:
    """Those of ``job`` where a step costs ``cost``. Checkpoints count only if the job says how far
    they are apart: others are made so seldom that they cost under 1%. One holds what the optimizer
    keeps, too. Neither the job nor its profile is evaluated on more batches than are held out."""
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
