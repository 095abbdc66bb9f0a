"""The worker's side of profiling: one job held ready, its step timed with and without PyTorch's
profiler as the parent commands. The step is the executor's own; nothing of this is inside it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function

from profiles.trace_reading import (
    INPUT_MARK,
    MODULE_MARK,
    PHASE_MARK,
    read_calls,
    split_steps,
    tie_backward_to_forward,
    transient_peak_bytes,
)
from rmixer.errors import RunFailed
from rmixer.training.make_step import Step, make_step
from rmixer.training.memory import resident_bytes
from rmixer.training.worker import Channel
from rmixer.workload import Job

CALIBRATION_CALLS = 400


def idle_bytes(channel: Channel) -> int:
    """A worker's task: the resident memory of a worker without a job."""
    return resident_bytes()


def session(channel: Channel, job: dict[str, Any]) -> None:
    """The worker's task: answer commands about ``job``'s step until ``end``.

    ``plain`` (``seconds``) runs steps without the profiler and answers their durations;
    ``profiled`` runs some with it and answers durations and gaps by operator; ``structure``
    answers what the operators are; ``calibrate`` what one event costs the profiler.
    """
    step = make_step(Job(**job))
    for _ in range(3):
        step.run()
    dense = sum(p.nbytes for p in step.model.parameters() if _is_dense(p))
    channel.send("ready", sizes=step.bytes_by_use(), dense_bytes=dense)
    while (message := channel.receive())["kind"] != "end":
        if message["kind"] == "plain":
            channel.send("ran", durations=plain(step, message["seconds"]))
        elif message["kind"] == "profiled":
            channel.send("ran", **profiled(step, message["steps"]))
        elif message["kind"] == "structure":
            channel.send("ran", **structure(step))
        elif message["kind"] == "calibrate":
            channel.send("ran", event_us=calibrate())


def _is_dense(parameter: nn.Parameter) -> bool:
    """Whether an optimizer walks all of it; of a sparse table only the rows of the batch."""
    sparse = parameter.grad is not None and parameter.grad.is_sparse
    return parameter.requires_grad and not sparse


def plain(step: Step, seconds: float) -> list[float]:
    """Durations in seconds of steps run for about ``seconds``, at least three. A step before
    them, not counted, brings the caches back to what they are between steps."""
    begin_s = time.perf_counter()
    step.run()
    last_s = time.perf_counter()
    end_s = begin_s + seconds
    durations: list[float] = []
    while last_s < end_s or len(durations) < 3:
        step.run()
        now_s = time.perf_counter()
        durations.append(now_s - last_s)
        last_s = now_s
    return durations


def profiled(step: Step, steps: int) -> dict[str, Any]:
    """Durations and gaps [steps, operators] in microseconds as the profiler saw them, with the
    number of its events inside and before each operator."""
    with profile(activities=[ProfilerActivity.CPU]) as observed:
        for _ in range(steps + 2):
            with record_function(INPUT_MARK):
                step.load()
            step.copy()
            loss = step.forward()
            step.backward(loss)
            step.optimize()
    whole = split_steps(read_calls(observed.profiler.kineto_results.events()))
    names = [call.name for call in whole[0]]
    if any([call.name for call in other] != names for other in whole):
        raise RunFailed("the step does not run the same operators every time")
    return {
        "names": names,
        "durations": np.array([[call.duration_us for call in calls] for calls in whole]),
        "gaps": np.array([[call.gap_before_us for call in calls] for calls in whole]),
        "events": np.array([call.events for call in whole[0]]),
        "events_before": np.array([call.events_before for call in whole[0]]),
    }


def structure(step: Step) -> dict[str, Any]:
    """The operators of one step: phase, module, shapes and forward operator of each, and the
    highest sum of what the step allocates for itself."""
    with profile(
        activities=[ProfilerActivity.CPU], record_shapes=True, profile_memory=True
    ) as observed:
        hooks = _mark_modules(step.model)
        with record_function(PHASE_MARK + "input"), record_function(INPUT_MARK):
            step.load()
        with record_function(PHASE_MARK + "copy"):
            step.copy()
        with record_function(PHASE_MARK + "forward"):
            loss = step.forward()
        with record_function(PHASE_MARK + "backward"):
            step.backward(loss)
        with record_function(PHASE_MARK + "optimizer"):
            step.optimize()
        for hook in hooks:
            hook.remove()
    events = list(observed.profiler.kineto_results.events())
    calls = read_calls(events)
    tie_backward_to_forward(calls)
    return {"calls": calls, "peak_bytes": transient_peak_bytes(events)}


def _mark_modules(model: nn.Module) -> list[Any]:
    """Hooks that put a mark around each module's forward pass."""
    open_marks: list[Any] = []
    hooks: list[Any] = []
    for name, module in model.named_modules():

        def enter(_module: nn.Module, _inputs: object, name: str = name) -> None:
            mark = record_function(MODULE_MARK + name)
            mark.__enter__()
            open_marks.append(mark)

        def leave(_module: nn.Module, _inputs: object, _output: object) -> None:
            open_marks.pop().__exit__(None, None, None)

        hooks.append(module.register_forward_pre_hook(enter))
        hooks.append(module.register_forward_hook(leave))
    return hooks


def calibrate() -> float:
    """Microseconds that one event costs the profiler: a loop of a tiny operator with and without
    it in turn, the median over pairs. It never looks at the step that is to be corrected."""
    tiny = torch.zeros(1)

    def loop() -> float:
        start_s = time.perf_counter()
        for _ in range(CALIBRATION_CALLS):
            tiny.add_(1.0)
        return time.perf_counter() - start_s

    loop()
    costs: list[float] = []
    for _ in range(7):
        without_s = loop()
        with profile(activities=[ProfilerActivity.CPU]) as observed:
            loop()
            with_s = loop()
        events = len(observed.profiler.kineto_results.events()) / (2 * CALIBRATION_CALLS)
        costs.append((with_s - without_s) / CALIBRATION_CALLS / max(events, 1.0) * 1e6)
    return float(np.median(costs))
