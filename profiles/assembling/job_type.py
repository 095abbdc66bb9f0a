"""Decides the limit of a training step from its figures: compute, memory, or neither.

There are two kinds of evidence. The *roofline* (Williams, Waterman, Patterson, CACM 2009) compares
the FLOPs and bytes of the step's operators with the machine's rates. *Bubbles* (Bubble-Up, MICRO
2011) show the real bottleneck: the slow-down by a neighbour that streams memory beyond that by one
that only computes. Bytes of operators are counted as if no cache held them, so a clear answer of
the bubbles counts more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from profiles.assembling.operator_times import total_work
from rmixer.errors import InputError
from rmixer.hardware.machine import Gpu, Machine
from rmixer.model_profile.model_profile import JobType, Kind, StepCost
from rmixer.operators.operator_cost import OperatorCost

LOW_UTILISATION = 0.1
BOUND_BY_MEMORY, NOT_BOUND_BY_MEMORY = 1.10, 1.03


def core_balance(machine: Machine, threads: int = 1) -> float:
    """FLOPs per byte at which ``threads`` cores of ``machine`` compute as long as they move data:
    the ridge of their roofline."""
    return machine.matmul_gflops[threads - 1] / machine.bandwidth_gbps[threads - 1]


def check_gpus(machine: Machine) -> None:
    """Raises :class:`InputError` if a GPU of ``machine`` was never measured."""
    for index, gpu in enumerate(machine.gpus):
        if gpu.matmul_gflops is None or gpu.bandwidth_gbps is None:
            allowed = "measured rates: `rmixer machine --again`"
            raise InputError(f"machine {machine.name}", f"gpus.{index}", "no rates", allowed)


def gpu_balance(gpu: Gpu) -> float:
    """The ridge of a GPU's roofline in FLOPs per byte."""
    assert gpu.matmul_gflops is not None
    assert gpu.bandwidth_gbps is not None
    return gpu.matmul_gflops / gpu.bandwidth_gbps


def core_utilisation(
    machine: Machine, flops: int, moved_bytes: int, step_s: float, threads: int = 1
) -> float:
    """The busy share, from 0 to 1, of as many cores as the step has ``threads``: the larger of its
    FLOPs a second over those of matrix products and its bytes a second over those of a copy."""
    compute = flops / step_s / (machine.matmul_gflops[threads - 1] * 1e9)
    memory = moved_bytes / step_s / (machine.bandwidth_gbps[threads - 1] * 1e9)
    return min(1.0, max(compute, memory))


def memory_sensitivity(
    compute_slowdown: Sequence[float], stream_slowdown: Sequence[float]
) -> float | None:
    """The slow-down of the step by streams over that by as many compute loops, with a neighbour on
    every core that was left over; None if there was none."""
    if not compute_slowdown or not stream_slowdown:
        return None
    return stream_slowdown[-1] / compute_slowdown[-1]


def job_type(
    utilisation: float, intensity: float, balance: float, sensitivity: float | None = None
) -> JobType:
    """Returns ``low``, ``memory`` or ``compute``.

    1. Low: ``utilisation`` (0 to 1) of its device below 0.1.
    2. Memory: ``sensitivity`` (see :func:`memory_sensitivity`) of 1.10 or more. Compute: 1.03 or
       less, which is within the spread of repeated measurements.
    3. Otherwise, or if no bubble was measured: compute if ``intensity`` (FLOPs per byte) is at
       least the machine's ``balance``, memory below it.
    """
    if utilisation < LOW_UTILISATION:
        return "low"
    if sensitivity is not None and sensitivity >= BOUND_BY_MEMORY:
        return "memory"
    if sensitivity is not None and sensitivity <= NOT_BOUND_BY_MEMORY:
        return "compute"
    return "compute" if intensity >= balance else "memory"


@dataclass(frozen=True)
class Demands:
    """The demands of the step with the fewest threads: FLOPs and bytes of its operators on the CPU,
    and by kind of device its utilisation and its job type there."""

    flops: int
    moved_bytes: int
    utilisation: dict[Kind, float]
    job_type: dict[Kind, JobType]


def demands(
    machine: Machine, steps: Sequence[StepCost], operators: Sequence[OperatorCost]
) -> Demands:
    """The demands of ``steps``, those on the CPU first and with fewer threads before others, and of
    their ``operators``. Raises :class:`InputError` if one is on a GPU that was never measured."""
    first, threads = steps[0], steps[0].threads
    flops, moved = total_work([cost for cost in operators if cost.lane == "cpu"], threads)
    busy = core_utilisation(machine, flops, moved, first.mean_us * 1e-6, threads)
    sensitivity = memory_sensitivity(first.compute_slowdown, first.stream_slowdown)
    kind = job_type(busy, _intensity(flops, moved), core_balance(machine, threads), sensitivity)
    found = Demands(flops, moved, {"cpu": busy}, {"cpu": kind})
    if on_gpu := next((step for step in steps if step.device == "gpu"), None):
        check_gpus(machine)
        # By the roofline alone: processes that take turns are slowed by any neighbour alike.
        rows = [cost for cost in operators if (cost.lane, cost.threads) == ("gpu", on_gpu.threads)]
        share = min(1.0, sum(cost.mean_us for cost in rows) / on_gpu.mean_us)
        intensity = _intensity(*total_work(rows, on_gpu.threads))
        found.utilisation["gpu"] = share
        found.job_type["gpu"] = job_type(share, intensity, gpu_balance(machine.gpus[0]))
    return found


def _intensity(flops: int, moved_bytes: int) -> float:
    return flops / moved_bytes if moved_bytes else 0.0
