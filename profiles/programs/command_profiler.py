"""Profiles a command job: runs its program alone for a while at each thread count."""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from profiles.machines.bubble import Bubbles
from profiles.machines.gpu_meter import GpuMeter
from profiles.measurements.rounds import Plan
from profiles.programs.command_assemble import assemble_command
from profiles.programs.command_run import CommandRun, WatchedProgram, measure_run
from profiles.programs.left_behind import end_left_behind
from rmixer.errors import InputError, RunFailed
from rmixer.files.home import home
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile, StepCost
from rmixer.training.command_process import CommandProcess, Surroundings
from rmixer.workload.workload import Job

START_AND_END_S = 10.0


def profile_command(
    job: Job,
    machine: Machine,
    threads: Sequence[int],
    plan: Plan,
    report: Callable[[str], None] = lambda text: None,
) -> ModelProfile:
    """The profile of the command job ``job`` on this machine at each count of ``threads``, from one
    run of its program each, about ``plan.command_seconds`` long from its first step on.

    The beginning and the end of its output go to a file below ``logs`` in RMixer's folder. Raises
    :class:`RunFailed` if the program fails, does no step within ``plan.start_limit_s``, or ends too
    early, and :class:`InputError` if it wants a GPU that is not there.
    """
    assert job.command is not None
    command = job.command
    runs: list[CommandRun] = []
    try:
        with Bubbles(tuple(reversed(machine.cores))) as bubbles:
            probe_s = statistics.median(bubbles.probe() for _ in range(9))
            for count in threads:
                report(f"{command.line}, {count} thread(s)")
                runs.append(_one_run(job, machine, bubbles, count, plan, report))
        profile = assemble_command(job, machine, runs, probe_s)
    except RunFailed as failure:
        raise RunFailed(f"profiling {command.line!r}: {failure}") from None
    for step in profile.steps:
        if words := _too_noisy(step, plan):
            report(words)
    return profile


def command_seconds(threads: Sequence[int], plan: Plan) -> float:
    """The approximate duration of :func:`profile_command`."""
    return len(threads) * (START_AND_END_S + plan.command_seconds)


def _one_run(
    job: Job,
    machine: Machine,
    bubbles: Bubbles,
    count: int,
    plan: Plan,
    report: Callable[[str], None],
) -> CommandRun:
    assert job.command is not None
    command, log = job.command, home() / "logs" / f"{job.identity.key}-{count}-threads.log"
    spare = len(machine.cores) - count if plan.neighbours else 0
    with ExitStack() as stack:
        meter = GpuMeter.open() if command.gpus else None
        if command.gpus and meter is None:
            allowed = "0: there is no NVIDIA GPU here"
            raise InputError(repr(command.line), "gpus", command.gpus, allowed)
        if meter is not None:
            stack.enter_context(meter)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rmixer-"))
        steps_file = Path(folder) / "steps"
        log.unlink(missing_ok=True)
        # After the process was stopped, or where a second Ctrl-C cut that short.
        stack.callback(end_left_behind, steps_file)
        process = CommandProcess(command, Surroundings(machine.cores[:count], steps_file), log)
        stack.enter_context(process)
        return measure_run(WatchedProgram(process, bubbles, spare, meter, report), count, plan)


def _too_noisy(step: StepCost, plan: Plan) -> str:
    """Says in words how imprecise a measured step is; "" if it is precise enough."""
    assert step.measurement is not None
    noise = step.measurement.half_width
    if noise <= plan.precision:
        return ""
    needed_s = math.ceil(plan.command_seconds * (noise / plan.precision) ** 2)
    longer_s = max(needed_s, math.floor(plan.command_seconds) + 1)
    return (
        f"the mean step with {step.threads} thread(s) is known within {noise:.2%}, not "
        f"{plan.precision:.2%}: that would take about {longer_s} s (`--seconds {longer_s}`)"
    )
