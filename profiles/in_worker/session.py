"""The worker's side of profiling: holds one job ready and times its step, with and without
PyTorch's profiler, as the parent commands. The step is the executor's, with no profiling code
inside."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn
from torch.jit._script import RecursiveScriptModule
from torch.profiler import ProfilerActivity, profile, record_function

from profiles.in_worker.step_clock import Clock, EventCost, clock_of
from profiles.machines.core_exchange import CoreExchange
from profiles.measurements.phases import LEAST_FIRST_STEPS
from profiles.traces.counted_work import count_work
from profiles.traces.profiler_events import (
    INPUT_MARK,
    MODULE_MARK,
    PHASE_MARK,
    check_same_operators,
    read_calls,
    split_steps,
    tie_backward_to_forward,
    transient_peak_bytes,
)
from rmixer.training.make_step import Step, make_step
from rmixer.training.memory import resident_bytes
from rmixer.training.worker import Channel
from rmixer.workload.workload import Job

MOST_FIRST_STEPS, FIRST_STEPS_S = 40, 0.4
LONG_STEP_S = 0.25
"""In a longer step the time to refill the caches is negligible."""


def idle_bytes(channel: Channel, device: str) -> int:
    """A worker's task: the memory of a worker without a job; on a GPU its context."""
    if device == "cpu":
        return resident_bytes()
    from profiles.in_worker.gpu_session import context_bytes

    return context_bytes(device)


def session(channel: Channel, job: Job, device: str, block_s: float) -> None:
    """The worker's task: answers commands about ``job``'s step on ``device`` until ``end``, after a
    first round of blocks of ``block_s`` that is not counted.

    ``plain`` (``seconds``) runs steps without the profiler and answers their durations and the
    time before them;
    ``block`` (``seconds``) runs as many as the fastest of the first would do in that time
    and answers their durations; ``profiled`` (``seconds``) as many with the profiler, and answers
    durations and gaps by operator;
    ``structure`` answers the list of operators; ``calibrate`` the profiler's cost of one event;
    ``exchange`` the time in which its threads take over each other's data.
    """
    _give_back()
    step = make_step(job, device)
    clock = clock_of(step.device)
    early = Early(step) if job.is_own and device == "cpu" else None
    first = first_steps(step, clock, early)
    cost, exchange = EventCost(step.device, clock), CoreExchange()
    gc.collect()
    gc.freeze()
    # With the profiler's events between them, a step's tensors lie elsewhere in the heap, which
    # grows to hold both.
    settled = profiled(step, block_s, min(first))
    if early is not None:
        early.check(settled["names"])
    cost.event_us()
    channel.send("ready", sizes=step.bytes_by_use())
    while (message := channel.receive())["kind"] != "end":
        # The profiler's events lie in cycles: left to the collector, they would go during a later
        # block, and the one before it would take new memory.
        gc.collect()
        if message["kind"] == "plain":
            skipped_s, durations = plain(step, message["seconds"], clock)
            channel.send("ran", skipped_s=skipped_s, durations=durations)
        elif message["kind"] == "block":
            channel.send("ran", durations=block(step, message["seconds"], min(first), clock))
        elif message["kind"] == "profiled":
            found = profiled(step, message["seconds"], min(first))
            if early is not None:
                early.check(found["names"])
            channel.send("ran", **found)
        elif message["kind"] == "structure":
            channel.send("ran", **structure(step))
        elif message["kind"] == "calibrate":
            channel.send("ran", event_us=cost.event_us())
        elif message["kind"] == "exchange":
            channel.send("ran", exchange_us=exchange.microseconds())


def _give_back() -> None:
    """Gives the free memory of glibc's heap back to the system: a worker keeps the memory of
    earlier phases, and tables of gigabytes may not fit into the holes."""
    gc.collect()
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class Early:
    """The operators of one of the first steps of a user's own model. The number of steps before the
    first profiled one depends on their speed, so the check that a later step runs the same
    operators must not depend on it."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._names: list[str] = []

    def look(self) -> None:
        """Runs a step and records the names of its operators."""
        with profile(activities=[ProfilerActivity.CPU]) as observed:
            _marked_steps(self._step, 1)
        calls = read_calls(observed.profiler.kineto_results.events())
        self._names = [call.name for call in split_steps(calls)[0]]

    def check(self, names: Sequence[str]) -> None:
        """Raises :class:`~rmixer.errors.RunFailed` unless a later step ran the same."""
        check_same_operators(self._names, names)


def first_steps(step: Step, clock: Clock, early: Early | None = None) -> list[float]:
    """Durations in seconds of the first steps, for about half a second. ``early`` looks at the one
    after the least number of them, which is not included."""
    durations: list[float] = []
    while len(durations) < LEAST_FIRST_STEPS or (
        sum(durations) < FIRST_STEPS_S and len(durations) < MOST_FIRST_STEPS
    ):
        start_s = time.perf_counter()
        step.run()
        clock.settle()
        durations.append(time.perf_counter() - start_s)
        if early is not None and len(durations) == LEAST_FIRST_STEPS:
            early.look()
    return durations


def plain(step: Step, seconds: float, clock: Clock) -> tuple[float, list[float]]:
    """Durations in seconds by ``clock`` of steps run for about ``seconds``, and the time before
    them: that of a first step, which refills the caches. It counts only if it takes all the time.
    """
    begin_s = time.perf_counter()
    step.run()
    clock.settle()
    last_s = clock.tick()
    first_s, end_s = last_s - begin_s, begin_s + seconds
    while last_s < end_s:
        step.run()
        last_s = clock.tick()
    durations = clock.durations_s()
    return (first_s, durations) if durations else (0.0, [first_s])


def block(step: Step, seconds: float, step_s: float, clock: Clock) -> list[float]:
    """Durations in seconds of steps without the profiler, as many as :func:`profiled` has. With
    blocks of equal time, a slow moment would get fewer steps here than there."""
    for _ in range(_uncounted(step, step_s)):
        step.run()
    clock.settle()
    clock.tick()
    for _ in range(_steps(seconds, step_s)):
        step.run()
        clock.tick()
    return clock.durations_s()


def _uncounted(step: Step, step_s: float) -> int:
    """The number of steps before those that count: after a pause the first one refills caches and
    memory."""
    return int(step.device.type != "cpu" or step_s < LONG_STEP_S)


def _steps(seconds: float, step_s: float) -> int:
    return max(1, round(seconds / step_s))


def profiled(step: Step, seconds: float, step_s: float) -> dict[str, Any]:
    """Durations and gaps [steps, operators] in microseconds as the profiler saw them, with the
    number of its events inside and before each operator, of about ``seconds`` of steps that take
    ``step_s`` each. A first step, which includes the profiler's start, is not counted, unless steps
    are long on a CPU."""
    steps = _steps(seconds, step_s)
    if step.device.type != "cpu":
        from profiles.in_worker.gpu_session import profiled_on_gpu

        return profiled_on_gpu(lambda: _marked_steps(step, steps + 1))
    uncounted = _uncounted(step, step_s)
    with profile(activities=[ProfilerActivity.CPU]) as observed:
        _marked_steps(step, uncounted + steps)
    calls = read_calls(observed.profiler.kineto_results.events())
    whole = split_steps(calls)[uncounted:]
    names = [call.name for call in whole[0]]
    for other in whole:
        check_same_operators(names, [call.name for call in other])
    return {
        "names": names,
        "durations": np.array([[call.duration_us for call in calls] for calls in whole]),
        "gaps": np.array([[call.gap_before_us for call in calls] for calls in whole]),
        "events": np.array([call.events for call in whole[0]]),
        "events_before": np.array([call.events_before for call in whole[0]]),
    }


def _marked_steps(step: Step, steps: int) -> None:
    for _ in range(steps):
        _marked_step(step)
    with record_function(INPUT_MARK):  # ends the last step
        pass


def _marked_step(step: Step) -> None:
    with record_function(INPUT_MARK):
        step.load()
    step.copy()
    loss = step.forward()
    step.backward(loss)
    step.optimize()


def structure(step: Step) -> dict[str, Any]:
    """The operators of one step: phase, module, shapes and forward operator of each; the highest
    sum of the step's allocations; and its loss."""
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
    count_work(calls, observed.profiler.kineto_results.experimental_event_tree())
    found = {"calls": calls, "loss": float(loss.detach())}
    del loss  # it holds the rows that the step gathered, and their gradients
    if step.device.type == "cpu":
        return {**found, "peak_bytes": transient_peak_bytes(events)}
    from profiles.in_worker.gpu_session import step_bytes

    return {**found, "peak_bytes": step_bytes(step, step.run)}


def _mark_modules(model: nn.Module) -> list[Any]:
    """Hooks that mark each module's forward pass. A module that TorchScript has compiled takes
    none, so its operators count for the module around it."""
    open_marks: list[Any] = []
    hooks: list[Any] = []
    for name, module in model.named_modules():
        if isinstance(module, RecursiveScriptModule):
            continue

        def enter(_module: nn.Module, _inputs: object, name: str = name) -> None:
            mark = record_function(MODULE_MARK + name)
            mark.__enter__()
            open_marks.append(mark)

        def leave(_module: nn.Module, _inputs: object, _output: object) -> None:
            open_marks.pop().__exit__(None, None, None)

        hooks.append(module.register_forward_pre_hook(enter))
        hooks.append(module.register_forward_hook(leave))
    return hooks
