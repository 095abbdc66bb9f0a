"""Checks training on a GPU: against the CPU, against itself, and when it fails."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

from executor.supervision.execution import Execution
from executor.supervision.supervisor import Supervisor
from executor.workers.mixed_workers import MixedWorkers
from experiments.gpu_check.parts import NotVerified
from experiments.gpu_check.setting import Setting
from experiments.gpu_check.trainers import Trained, Trainers
from rmixer.errors import RunFailed
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.policies import make_policy
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.problem import problem_of
from rmixer.training.job_checkpoints import Checkpointing
from rmixer.training.tasks import WARM
from rmixer.workload.workload import Job, Workload, job_of

STEPS = 40
LONG = 200
"""Steps of a job that will be stopped before it is done."""
TOLERANCE = 1e-3
"""Relative difference of losses after 40 steps: the two devices add up in different orders."""
DIVERGES = 1e30
"""A learning rate at which the loss soon becomes non-finite."""


def small(name: str, **changes: Any) -> Job:
    """A small job without dropout (its random numbers are drawn on the device), with few rows."""
    made = dataclasses.replace(job_of("criteo_dlrm"), id=name, rows_cap=1000, batch=64, steps=STEPS)
    return dataclasses.replace(made, **changes)


def losses_agree(trainers: Trainers) -> str:
    """Trains the same job on both and compares its first loss, and the one on held-out data after
    training."""
    cpu, gpu = (done(trainers.train(small("agree"), on_gpu)) for on_gpu in (False, True))
    told = []
    for name in ("first_loss", "loss"):
        apart = abs(gpu[name] - cpu[name]) / abs(cpu[name])
        told.append(f"{name} {cpu[name]:.6f} and {gpu[name]:.6f}, {apart:.1e} apart")
        if not apart <= TOLERANCE:
            raise RunFailed(f"{'; '.join(told)}: more than {TOLERANCE:.0e}")
    return f"on the CPU and on the GPU: {'; '.join(told)}"


def resumed_is_identical(trainers: Trainers) -> str:
    """Checks that a job that was stopped and resumed ends with the weights of one that was not.
    Raises :class:`NotVerified` if even two that never stop end with different weights."""
    whole, again, cut = (small(name, steps=LONG) for name in ("whole", "again", "cut"))
    done(trainers.train(whole, True))
    done(trainers.train(again, True))
    checkpointing = Checkpointing(str(trainers.path("cut-checkpoint")))
    first = done(trainers.train(cut, True, checkpointing, trains))
    if not first["interrupted"]:
        raise NotVerified("the job was done before it could be stopped")
    rest = trainers.train(cut, True, checkpointing)
    done(rest)
    resumed = rest.first("resumed")
    made = resumed["steps"] if resumed else 0
    if not 0 < made < LONG:
        raise RunFailed(f"it went on after {made} of {LONG} steps")
    weights = {name: trainers.path(name) for name in ("whole", "again", "cut")}
    if (apart := farthest(weights["whole"], weights["again"])) > 0.0:
        stopped = farthest(weights["whole"], weights["cut"])
        raise NotVerified(
            f"two runs of one job differ by up to {apart:.1e} without a stop (this GPU adds in no "
            f"fixed order); the one that was stopped after {made} steps by up to {stopped:.1e}"
        )
    if (apart := farthest(weights["whole"], weights["cut"])) > 0.0:
        raise RunFailed(f"stopped after {made} steps it differs by up to {apart:.1e}")
    return f"stopped after {made} of {LONG} steps, all weights are the same to the last bit"


def bad_loss_is_named(trainers: Trainers) -> str:
    """Checks that the first non-finite loss comes at the same step on both."""
    steps = []
    for on_gpu in (False, True):
        trained = trainers.train(small("diverges", lr=DIVERGES), on_gpu)
        said = trained.first("not_finite")
        if said is None or trained.failure is None:
            raise RunFailed(f"no bad loss was found {'on the GPU' if on_gpu else 'on the CPU'}")
        steps.append(said["step"])
    if len(set(steps)) > 1:
        raise RunFailed(f"step {steps[0]} on the CPU, step {steps[1]} on the GPU")
    return f"step {steps[0]} on both"


def absent_gpu_is_told(trainers: Trainers) -> str:
    """Checks that a worker that should use a GPU and sees none reports it in a line."""
    with trainers.process(sees_gpu=False) as worker:
        try:
            worker.call(WARM, threads=1, on_gpu=True, timeout_s=60)
        except RunFailed as error:
            if "finds none" not in error.reason or "\n" in str(error).strip():
                raise
            return error.reason
    raise RunFailed("it said nothing")


def out_of_memory_is_requeued(setting: Setting) -> str:
    """Checks that a job with half of its memory in its profile runs out of memory, queues again
    with more, and ends successfully."""
    if setting.plan.why_not is not None:
        raise NotVerified(setting.plan.why_not)
    problem, machine = setting.problem, setting.machine
    each = max(problem.jobs, key=lambda each: _beyond_context(each.profile))
    halved = dataclasses.replace(each.profile, memory=_halved(each.profile))
    job = dataclasses.replace(each.job, id="needs-more", steps=STEPS, arrival_s=0.0)
    layout = Layout((DeviceSlots("gpu:0", 1, 1),))
    folder = setting.scratch / "out-of-memory"
    tight = problem_of(Workload("tight", 0, (job,)), machine, {each.key: halved})
    workers = MixedWorkers(machine, layout, folder)
    execution = Execution(tight, make_policy("dySequ"), layout, folder)
    executed = Supervisor(execution, workers).execute()
    if executed.failure is not None:
        raise executed.failure
    (line,) = executed.summary.jobs
    if line.state != "done" or not line.causes or set(line.causes) != {"out_of_memory"}:
        raise RunFailed(f"{job.model}: {line.state} after {line.causes or 'no failure'}")
    return f"{job.model} ended well in attempt {line.attempt} after {len(line.causes)} refusal(s)"


def done(trained: Trained) -> dict[str, Any]:
    """The answer of a job; raises its failure."""
    if trained.failure is not None:
        raise trained.failure
    return trained.answer


def trains(message: dict[str, Any]) -> bool:
    """True if the message says that training has begun."""
    return bool(message["kind"] == "phase" and message["phase"] == "train")


def farthest(one: Path, other: Path) -> float:
    """The largest difference between the weights in two files."""
    import torch

    ours, theirs = (torch.load(path, weights_only=True) for path in (one, other))
    if ours.keys() != theirs.keys():
        return math.inf
    pairs = ((ours[name].double(), theirs[name].double()) for name in ours)
    apart = (torch.nan_to_num((left - right).abs(), nan=math.inf) for left, right in pairs)
    return max(float(each.max()) for each in apart if each.numel())


def _halved(profile: ModelProfile) -> tuple[Any, ...]:
    return tuple(
        dataclasses.replace(each, peak_bytes=each.peak_bytes // 2) if each.device == "gpu" else each
        for each in profile.memory
    )


def _beyond_context(profile: ModelProfile) -> int:
    """Bytes that torch takes of a GPU for it. The larger they are, the more certainly half of them
    is too little."""
    (gpu,) = (each for each in profile.memory if each.device == "gpu")
    return gpu.peak_bytes - (gpu.context_bytes or 0)
