"""Assembles the profile of a command job from runs of its program."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from profiles.assembling.job_type import core_balance, job_type, memory_sensitivity
from profiles.machines.gpu_meter import driver_version
from profiles.measurements.phases import warm_up_steps
from profiles.measurements.quiet_rounds import half_width
from profiles.programs.command_run import CommandRun
from rmixer.errors import RunFailed
from rmixer.hardware.fingerprint import take_fingerprint
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import (
    Kind,
    MemoryCost,
    ModelProfile,
    StepCost,
    StepMeasurement,
)
from rmixer.model_profile.step_statistics import step_statistics
from rmixer.workload.workload import Job

MOST_FIRST_STEPS = 40


def assemble_command(
    job: Job, machine: Machine, runs: Sequence[CommandRun], probe_s: float
) -> ModelProfile:
    """The profile of the command job ``job`` from a run at each thread count.

    Figures that only its operators could give are None. Raises :class:`RunFailed` if no step fits
    into a block.
    """
    warmup = max(_warmup_steps(run) for run in runs)
    kind: Kind = "gpu" if job.command is not None and job.command.gpus else "cpu"
    steps = [_step_cost(run, kind, warmup) for run in runs]
    busy_us = steps[0].gpu_us if kind == "gpu" else steps[0].core_us
    places = 1 if kind == "gpu" else steps[0].threads
    whole_us = steps[0].expected_us
    # Where nothing tells how busy the device is, it may be all the while.
    utilisation = 1.0 if busy_us is None else min(1.0, busy_us / (places * whole_us))
    sensitivity = memory_sensitivity(steps[0].compute_slowdown, steps[0].stream_slowdown)
    return ModelProfile(
        identity=job.identity,
        machine=machine.name,
        origin="measured",
        steps=tuple(steps),
        memory=(_memory_cost(runs, kind),),
        startup_s=0.0,
        warmup_steps=warmup,
        flops=None,
        bytes=None,
        intensity=None,
        bandwidth_gbps=None,
        utilisation={kind: utilisation},
        # Its operators would decide where bubbles do not: without them it counts as compute.
        job_type={kind: job_type(utilisation, math.inf, core_balance(machine), sensitivity)},
        probe_s=probe_s,
        fingerprint=take_fingerprint(machine.fingerprint.hardware, driver_version()),
    )


def _warmup_steps(run: CommandRun) -> int:
    """The number of first steps that are slower than later ones. The very first, whose start is not
    visible, counts as slow if any other is."""
    settled_s = step_statistics(np.concatenate(_blocks(run))).mean_s
    slow = warm_up_steps(_first_durations(run), settled_s)
    return slow + 1 if slow else 0


def _blocks(run: CommandRun) -> list[NDArray[np.float64]]:
    blocks = run.alone()
    if not blocks:
        raise RunFailed("its steps are too slow to be measured in this time: give `--seconds` more")
    return blocks


def _first_durations(run: CommandRun) -> list[float]:
    """Durations of the second step and those after it, before any bubble works."""
    ends_s = run.ends_s[run.ends_s <= run.blocks[0].begin_s][: MOST_FIRST_STEPS + 1]
    return [end_s - begin_s for begin_s, end_s in pairwise(ends_s.tolist())]


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
    is_metered = len(gpu_s) == len(alone)
    neighbours = run.neighbours()
    # The first step's time that cannot be seen is taken to be a settled step's, both here and in
    # what is left for building.
    first_s = [step.mean_s, *_first_durations(run)][:warmup]
    return StepCost(
        device=kind,
        threads=run.threads,
        mean_us=step.mean_s * 1e6,
        p10_us=step.p10_s * 1e6,
        p50_us=step.p50_s * 1e6,
        p90_us=step.p90_s * 1e6,
        stall_us=step.stall_s / step.n * 1e6,
        scale={},
        compute_slowdown=neighbours.by_count("compute"),
        stream_slowdown=neighbours.by_count("stream"),
        pressure=neighbours.pressure,
        build_s=max(0.0, float(run.ends_s[0]) - run.started_s - step.mean_s),
        warmup_s=math.fsum(first_s),
        evaluate_s=0.0,
        save_s=0.0,
        measurement=StepMeasurement(
            n=step.n,
            stalls=step.stalls,
            half_width=min(1.0, half_width(means)),
            repeatability=max(halves) / min(halves) - 1.0,
            rounds=len(blocks),
            dropped_rounds=0,
            closure={},
            sensitivity_half_width=neighbours.sensitivity_half_width,
        ),
        core_us=math.fsum(block.core_s for block in alone) / seconds * whole_s * 1e6,
        gpu_us=math.fsum(gpu_s) / seconds * whole_s * 1e6 if is_metered else None,
    )


def _memory_cost(runs: Sequence[CommandRun], kind: Kind) -> MemoryCost:
    peaks = [run.gpu_bytes or 0 if kind == "gpu" else run.peak_bytes for run in runs]
    return MemoryCost(kind, None, None, None, None, None, max(1, *peaks))
