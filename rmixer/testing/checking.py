"""``check_model``: checks that a user's own model can be profiled and trained."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch

from rmixer.errors import RunFailed
from rmixer.testing.failures import (
    CheckFailed,
    MemoryGrows,
    NotRepeatable,
    NotSaved,
    WrongBatch,
    WrongReturn,
)
from rmixer.testing.report import ModelReport
from rmixer.testing.resuming import check_resume
from rmixer.testing.step_memory import allocated
from rmixer.testing.step_shapes import check_shapes
from rmixer.testing.training_check import train
from rmixer.testing.trial_job import TrialJob
from rmixer.training.own_build import Build
from rmixer.training.own_samples import WrongBatchSize
from rmixer.training.own_step import OwnStep
from rmixer.training.user_code import UserCodeFailed, users_frames
from rmixer.workload.workload import Job

_MEMORY_STEPS = 4
_HELD_OUT_BATCHES = 2
_NUMBER_BYTES = 4
_ROUNDING = 1e-5


def check_model(build: Build, trial: TrialJob | None = None) -> ModelReport:
    """Trains ``build``'s model in this process as the job ``trial`` (by default ``TrialJob()``, a
    few steps) and checks everything that profiling and training rely on.

    It checks the return values of ``build`` and its functions, the size of the batches, that the
    loss is finite, that every parameter gets a gradient and changes, that the same seed gives the
    same losses, that every step runs the same operators, that memory does not grow from step to
    step, that the weights can be saved and loaded, and that a stopped job resumes exactly from its
    checkpoint. Changing shapes, values read back from the device, a seed without effect and memory
    far from its estimate are notes in the report.

    Raises a :class:`~rmixer.testing.CheckFailed` (an AssertionError) that says what is wrong and
    how to fix it, or any error of the user's code.
    """
    __tracebackhide__ = True
    job = (trial or TrialJob()).of(build)
    try:
        with _generators_kept():
            return _report(build, job)
    except UserCodeFailed as failed:
        raise failed.error.with_traceback(users_frames(failed.error)) from None
    except WrongBatchSize as failed:
        raise WrongBatch(str(failed)) from None
    except RunFailed as failed:
        raise WrongReturn(str(failed)) from None
    except CheckFailed as failed:
        raise failed.with_traceback(None) from None


def _report(build: Build, job: Job) -> ModelReport:
    step = OwnStep(job, build)
    trained = train(step)
    warnings = [*_check_repeats(build, job, trained.losses), *check_shapes(step)]
    _check_other_batch(build, job)
    quality = step.evaluate(_HELD_OUT_BATCHES)
    memory = {**step.bytes_by_use(), "activation_bytes": trained.activation_bytes}
    held = memory["parameter_bytes"] + memory["optimizer_bytes"]
    peak, growth = allocated(step, _MEMORY_STEPS)
    _check_growth(growth, job)
    _check_saving(build, job, step)
    warnings += [*_about_samples(step), *check_resume(build, job)]
    report = ModelReport(
        model=job.model,
        batch=job.batch,
        losses=tuple(trained.losses),
        parameters=sum(parameter.numel() for parameter in step.parameters),
        trained_parameters=sum(p.numel() for p in step.parameters if p.requires_grad),
        memory={**memory, "peak_bytes": held + peak},
        quality=quality,
        warnings=(),
    )
    return replace(report, warnings=(*warnings, *_about_memory(report)))


def _check_repeats(build: Build, job: Job, losses: list[float]) -> list[str]:
    again = _losses(build, job)
    warnings = []
    if again != losses:
        first = next(
            i for i, pair in enumerate(zip(losses, again, strict=True)) if len({*pair}) > 1
        )
        if not np.allclose(losses, again, rtol=_ROUNDING, atol=0.0):
            raise NotRepeatable(_explain_repeat(job, first, losses[first], again[first]))
        warnings.append(
            f"with the same seed the losses differ by rounding from step {first + 1} on"
        )
    if _losses(build, replace(job, seed=job.seed + 1)) == losses:
        warnings.append(
            "another seed gives the same losses: build draws nothing from a seeded generator, so "
            "copies of this job all train the same model"
        )
    return warnings


def _explain_repeat(job: Job, first: int, one: float, other: float) -> str:
    where = (
        "the weights or the first batch are drawn without it"
        if first == 0
        else "the batches, or something random in the module, are drawn without it"
    )
    return (
        f"{job.model} built twice with seed {job.seed} gives other losses at step {first + 1}: "
        f"{one:.6f} and {other:.6f}; {where}. Draw from torch, numpy.random or random, which are "
        "seeded before build is called, or give generators of your own job.seed"
    )


def _check_other_batch(build: Build, job: Job) -> None:
    """Checks with another batch size: a fixed size in ``build`` may equal ``job.batch`` by
    chance."""
    step = OwnStep(replace(job, batch=max(1, job.batch // 2) if job.batch > 1 else 2), build)
    step.load()


def _losses(build: Build, job: Job) -> list[float]:
    step = OwnStep(job, build)
    losses = []
    for _ in range(job.steps):
        step.run()
        losses.append(step.loss())
    return losses


def _check_growth(growth: list[int], job: Job) -> None:
    if min(growth) >= _NUMBER_BYTES * job.batch:
        raise MemoryGrows(
            f"{job.model}: every step leaves {min(growth):,} bytes or more behind. Something keeps "
            "tensors of earlier steps: a list of outputs, a sum that was never detached?"
        )


def _check_saving(build: Build, job: Job, step: OwnStep) -> None:
    mend = "get_extra_state and persistent buffers may hold tensors and plain values only"
    file = io.BytesIO()
    try:
        torch.save(step.state_dict(), file)
        file.seek(0)
        weights = torch.load(file, weights_only=True)
    except Exception as error:
        said = str(error).partition("\n")[0]
        raise NotSaved(
            f"{job.model}: its state_dict is not saved as plain weights that load with "
            f"weights_only=True ({type(error).__name__}: {said}); {mend}"
        ) from None
    try:
        OwnStep(job, build).model.load_state_dict(weights)
    except RuntimeError as error:
        raise NotSaved(
            f"{job.model}: its trained weights do not fit a model that build makes anew: {error}"
        ) from None


def _about_samples(step: OwnStep) -> list[str]:
    if (fewest := step.sampled.fewest) is None:
        return []
    return [
        f"some batches have fewer samples than job.batch ({fewest} instead of {step.job.batch}): "
        "they are counted as they are, and a step's time is a mean over all (a DataLoader with "
        "drop_last=True has none)"
    ]


def _about_memory(report: ModelReport) -> list[str]:
    estimate, peak = report.estimated_bytes, report.memory["peak_bytes"]
    if peak <= 1.25 * estimate + (1 << 20):
        return []
    return [
        f"a step takes {peak / estimate:.1f} times the memory that its parts explain: operators "
        "make large tensors that are gone again (a profile measures them)"
    ]


@contextmanager
def _generators_kept() -> Iterator[None]:
    """Restores the state of torch's, NumPy's and Python's generators at the end of the block."""
    numpy_state, state = np.random.get_state(), random.getstate()
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(state)
