"""Profile a command job: its program run alone for a while at each thread count."""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from profiles.bubble import Bubbles
from profiles.command_run import CommandRun, measure_run
from profiles.gpu_meter import GpuMeter
from profiles.job_type import core_balance, job_type, memory_sensitivity
from profiles.precision import half_width
from profiles.rounds import Plan
from profiles.warm_up import warm_up_steps
from rmixer.command import Command
from rmixer.cost_identity import cost_identity
from rmixer.errors import InputError, RunFailed
from rmixer.fingerprint import take_fingerprint
from rmixer.home import home
from rmixer.machine import Machine
from rmixer.profile import Kind, MemoryCost, ModelProfile, StepCost
from rmixer.step_statistics import step_statistics
from rmixer.training.command_process import CommandProcess
from rmixer.workload import Job

START_LIMIT_S = 300.0
START_AND_END_S = 10.0
MOST_FIRST_STEPS = 40


def profile_command(
    job: Job,
    machine: Machine,
    threads: Sequence[int],
    plan: Plan,
    report: Callable[[str], None] = lambda text: None,
    start_limit_s: float = START_LIMIT_S,
) -> ModelProfile:
    """The profile of the command job ``job`` on this machine at each count of ``threads``, from
    one run of its program each, about ``plan.command_seconds`` long from its first step on.

    Its output goes to a file below ``logs`` in RMixer's own folder. Raises :class:`RunFailed`
    where the program fails, makes no step within ``start_limit_s``, or ends too early, and
    :class:`InputError` where it wants a GPU that is not there.
    """
    assert job.command is not None
    command, identity = job.command, cost_identity(job)
    runs: list[CommandRun] = []
    with Bubbles(tuple(reversed(machine.cores))) as bubbles:
        probe_s = statistics.median(bubbles.probe() for _ in range(9))
        for count in threads:
            report(f"{command.line}, {count} thread(s)")
            log = home() / "logs" / f"{identity.key}-{count}-threads.log"
            try:
                runs.append(_one_run(command, machine, bubbles, count, plan, log, start_limit_s))
            except RunFailed as failure:
                raise RunFailed(f"profiling {command.line!r}: {failure}") from None
    settled_s = [_settled_s(run) for run in runs]
    warmup = max(
        warm_up_steps(_first_durations(run), each_s)
        for run, each_s in zip(runs, settled_s, strict=True)
    )
    kind: Kind = "gpu" if command.gpus else "cpu"
    steps = [_step_cost(run, kind, warmup) for run in runs]
    for step in steps:
        if step.half_width > plan.precision:
            report(_too_noisy(step, plan))
    busy = steps[0].gpu_us if kind == "gpu" else steps[0].core_us
    utilisation = min(1.0, (busy or 0.0) / steps[0].mean_us)
    sensitivity = memory_sensitivity(steps[0].compute_slowdown, steps[0].stream_slowdown)
    return ModelProfile(
        identity=identity,
        machine=machine.name,
        origin="measured",
        steps=tuple(steps),
        memory=(_memory_cost(runs, kind),),
        startup_s=0.0,
        warmup_steps=warmup + 1 if warmup else 0,
        flops=None,
        bytes=None,
        intensity=None,
        bandwidth_gbps=None,
        utilisation={kind: utilisation},
        # Its operators would decide where bubbles do not: without them it counts as compute.
        job_type={kind: job_type(utilisation, math.inf, core_balance(machine), sensitivity)},
        probe_s=probe_s,
        fingerprint=take_fingerprint(machine.fingerprint.hardware, machine.fingerprint.driver),
    )


def command_seconds(threads: Sequence[int], plan: Plan) -> float:
    """About how long :func:`profile_command` takes."""
    return len(threads) * (START_AND_END_S + plan.command_seconds)


def _one_run(
    command: Command,
    machine: Machine,
    bubbles: Bubbles,
    count: int,
    plan: Plan,
    log: Path,
    start_limit_s: float,
) -> CommandRun:
    spare = len(machine.cores) - count if plan.neighbours else 0
    with ExitStack() as stack:
        meter = GpuMeter.open() if command.gpus else None
        if command.gpus and meter is None:
            allowed = "0: there is no NVIDIA GPU here"
            raise InputError(repr(command.line), "gpus", command.gpus, allowed)
        if meter is not None:
            stack.enter_context(meter)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rmixer-"))
        process = CommandProcess(command, machine.cores[:count], log, Path(folder) / "steps")
        stack.enter_context(process)
        return measure_run(
            process, bubbles, meter, count, spare, plan.command_seconds, start_limit_s
        )


def _settled_s(run: CommandRun) -> float:
    return step_statistics(np.concatenate(_blocks(run))).mean_s


def _blocks(run: CommandRun) -> list[NDArray[np.float64]]:
    blocks = run.alone()
    if not blocks:
        raise RunFailed("its steps are too slow to be measured in this time: give `--seconds` more")
    return blocks


def _first_durations(run: CommandRun) -> list[float]:
    """Of the steps after the very first, whose beginning cannot be seen."""
    ends_s = run.ends_s[: MOST_FIRST_STEPS + 1]
    before_bubbles = ends_s[ends_s <= run.blocks[0].begin_s].tolist()
    return [end_s - begin_s for begin_s, end_s in pairwise(before_bubbles)]


def _step_cost(run: CommandRun, kind: Kind, warmup: int) -> StepCost:
    blocks = _blocks(run)
    step = step_statistics(np.concatenate(blocks))
    whole_s = step.total_s / step.n
    means = [step_statistics(block).mean_s for block in blocks]
    half = len(means) // 2
    halves = [statistics.fmean(part) for part in (means[:half], means[half:]) if part]
    alone = [block for block in run.blocks if block.beside is None]
    seconds = math.fsum(block.seconds for block in alone)
    gpu_s = [block.gpu_s for block in alone if block.gpu_s is not None]
    neighbours = run.neighbours()
    # The first step's beginning cannot be seen: it is taken to be a settled one.
    warmup_s = step.mean_s + math.fsum(_first_durations(run)[:warmup]) if warmup else 0.0
    return StepCost(
        device=kind,
        threads=run.threads,
        mean_us=step.mean_s * 1e6,
        p10_us=step.p10_s * 1e6,
        p50_us=step.p50_s * 1e6,
        p90_us=step.p90_s * 1e6,
        n=step.n,
        stalls=step.stalls,
        stall_us=step.stall_s / step.n * 1e6,
        half_width=min(1.0, half_width(means)),
        repeatability=max(halves) / min(halves) - 1.0,
        rounds=len(blocks),
        dropped_rounds=0,
        closure={},
        scale={},
        profiler_event_us=0.0,
        compute_slowdown=neighbours.by_count("compute"),
        stream_slowdown=neighbours.by_count("stream"),
        pressure=neighbours.pressure,
        build_s=max(0.0, float(run.ends_s[0]) - run.started_s - step.mean_s),
        warmup_s=warmup_s,
        evaluate_s=0.0,
        save_s=0.0,
        sensitivity=neighbours.points(),
        core_us=math.fsum(block.core_s for block in alone) / seconds * whole_s * 1e6,
        gpu_us=math.fsum(gpu_s) / seconds * whole_s * 1e6 if gpu_s else None,
    )


def _memory_cost(runs: Sequence[CommandRun], kind: Kind) -> MemoryCost:
    peaks = [run.gpu_bytes or 0 if kind == "gpu" else run.peak_bytes for run in runs]
    return MemoryCost(kind, None, None, None, None, None, max(1, *peaks))


def _too_noisy(step: StepCost, plan: Plan) -> str:
    needed_s = plan.command_seconds * (step.half_width / plan.precision) ** 2
    return (
        f"the mean step with {step.threads} thread(s) is known within {step.half_width:.1%}, not "
        f"{plan.precision:.1%}: that would take about {needed_s:.0f} s (`--seconds {needed_s:.0f}`)"
    )
