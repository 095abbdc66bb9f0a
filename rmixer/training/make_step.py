"""Makes the training step of a job with any kind of model."""

from __future__ import annotations

from rmixer.training.own_build import load_build
from rmixer.training.own_step import OwnStep
from rmixer.training.step import TrainingStep
from rmixer.workload.workload import Job

Step = TrainingStep | OwnStep


def make_step(job: Job, device: str = "cpu") -> Step:
    """The step of ``job``: of a model of the registry, or of the user's own."""
    if job.is_own:
        return OwnStep(job, load_build(job.model, job.module_root, job.source), device)
    return TrainingStep(job, device)
