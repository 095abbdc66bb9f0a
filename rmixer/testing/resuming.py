"""Checks that a user's own model resumes exactly from a checkpoint."""

from __future__ import annotations

import tempfile
from collections.abc import Sized
from pathlib import Path

import numpy as np
import torch

from rmixer.testing.failures import NotResumable
from rmixer.training.checkpoint import StateNotKept, load_checkpoint, save_checkpoint
from rmixer.training.nested import tensors_in
from rmixer.training.own_build import Build, build_own_model
from rmixer.training.own_step import OwnStep
from rmixer.workload.workload import Job

_SHORT_PASS = 50
_ROUNDING = 1e-5


def check_resume(build: Build, job: Job) -> list[str]:
    """Stops a job in the middle of its steps, and again in the second pass over its batches if a
    pass has at most 50. The losses after each stop must be those of a job without stops.

    Raises :class:`~rmixer.testing.NotResumable`; returns notes.
    """
    stops = [max(1, job.steps // 2)]
    batches = build_own_model(build, job).batches
    if isinstance(batches, Sized) and 0 < len(batches) <= _SHORT_PASS:
        stops.append(len(batches) + 1)
    with tempfile.TemporaryDirectory() as folder:
        notes = [note for stop in stops for note in _check(build, job, stop, Path(folder) / "job")]
    return list(dict.fromkeys(notes))


def _check(build: Build, job: Job, stop: int, path: Path) -> list[str]:
    whole = OwnStep(job, build)
    for _ in range(stop):
        whole.run()
    try:
        save_checkpoint(path, stop, whole.training_state())
    except StateNotKept as failed:
        raise NotResumable(
            f"{job.model}: {failed}. The state is made of the state_dict of the module, of the "
            "optimizers, of what stateful names, and of batches if they have one"
        ) from None
    expected = _trained(whole, job.steps)
    resumed = OwnStep(job, build)
    state = load_checkpoint(path).state
    assert state is not None
    resumed.load_training_state(state)
    found = _trained(resumed, job.steps)
    for number, (one, other) in enumerate(zip(expected, found, strict=True), stop + 1):
        if not _same(one[0], other[0]):
            raise NotResumable(_explain_batches(job, stop, number))
        if not np.isclose(one[1], other[1], rtol=_ROUNDING, atol=0.0):
            raise NotResumable(_explain_losses(job, stop, number, one[1], other[1]))
    if [loss for _, loss in expected] != [loss for _, loss in found]:
        return ["the losses of a job that was stopped and goes on differ by rounding"]
    return []


def _trained(step: OwnStep, steps: int) -> list[tuple[list[torch.Tensor], float]]:
    """The batch and the loss of each of some steps."""
    made = []
    for _ in range(steps):
        step.run()
        made.append(([tensor.clone() for tensor in tensors_in(step.batch)], step.loss()))
    return made


def _same(batch: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    if [(each.shape, each.layout) for each in batch] != [(o.shape, o.layout) for o in other]:
        return False
    pairs = zip(batch, other, strict=True)
    return all(
        torch.allclose(one.to_dense(), two.to_dense(), rtol=0.0, atol=0.0, equal_nan=True)
        for one, two in pairs
    )


def _explain_batches(job: Job, stop: int, number: int) -> str:
    return (
        f"{job.model}: stopped after step {stop} and gone on from its checkpoint, it gets another "
        f"batch at step {number}. The pass over batches is started again, with the generators of "
        "the process as they were, and the batches that were taken are taken again. What batches "
        "keep from pass to pass, or draw from a generator that the module draws from too, is lost "
        "by that: give batches the methods state_dict and load_state_dict"
    )


def _explain_losses(job: Job, stop: int, number: int, one: float, other: float) -> str:
    return (
        f"{job.model}: stopped after step {stop} and gone on from its checkpoint, it has a loss of "
        f"{other:.6f} at step {number} and not of {one:.6f}. Something that a step changes and a "
        "later one reads is in no state_dict: make it a persistent buffer of the module, put it "
        "into get_extra_state, or name it in stateful of OwnModel (a scheduler, a generator)"
    )
