"""From what was measured of a job at each thread count to its profile."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from profiles.job_type import core_balance, core_utilisation, job_type, memory_sensitivity
from profiles.neighbours import Neighbours
from profiles.operators import OperatorTimes, closure_of, merge_operators, total_work
from profiles.phases import PhaseTimes
from profiles.precision import half_width
from profiles.rounds import Blocks, together, unlikeness
from profiles.warm_up import warm_up_steps
from rmixer.cost_identity import cost_identity
from rmixer.fingerprint import take_fingerprint
from rmixer.machine import Machine
from rmixer.profile import InputCost, MemoryCost, ModelProfile, OperatorCost, StepCost
from rmixer.step_statistics import step_statistics
from rmixer.workload import Job


@dataclass
class Found:
    """What was found of one thread count, over its passes."""

    threads: int
    startups_s: list[float] = field(default_factory=list)
    idle_bytes: int = 0
    phases: PhaseTimes | None = None
    ready: dict[str, Any] = field(default_factory=dict)
    structure: dict[str, Any] = field(default_factory=dict)
    input: list[dict[str, Any]] = field(default_factory=list)
    event_us: list[float] = field(default_factory=list)
    passes: list[Blocks] = field(default_factory=list)
    neighbours: Neighbours = field(default_factory=Neighbours)


def assemble(job: Job, machine: Machine, counts: Sequence[Found], probe_s: float) -> ModelProfile:
    """The profile of ``job`` from what was found at each thread count."""
    warmup_steps = _warmup_steps(counts)
    steps, operators = _of_steps(counts, warmup_steps)
    flops, moved = total_work(operators, steps[0].threads)
    step_s = steps[0].mean_us * 1e-6
    intensity = flops / moved if moved else 0.0
    threads = steps[0].threads
    utilisation = core_utilisation(machine, flops, moved, step_s, threads)
    sensitivity = memory_sensitivity(steps[0].compute_slowdown, steps[0].stream_slowdown)
    kind = job_type(utilisation, intensity, core_balance(machine, threads), sensitivity)
    return ModelProfile(
        identity=cost_identity(job),
        machine=machine.name,
        origin="measured",
        steps=tuple(steps),
        memory=(_memory_cost(counts[0]),),
        startup_s=statistics.median(chain.from_iterable(found.startups_s for found in counts)),
        warmup_steps=warmup_steps,
        flops=flops,
        bytes=moved,
        intensity=intensity,
        bandwidth_gbps=moved / step_s / 1e9,
        utilisation={"cpu": utilisation},
        job_type={"cpu": kind},
        probe_s=probe_s,
        input=tuple(InputCost(**cost) for cost in counts[0].input),
        fingerprint=take_fingerprint(machine.fingerprint.hardware, machine.fingerprint.driver),
        operators=tuple(operators),
    )


def _step_cost(found: Found, times: OperatorTimes, blocks: Blocks, warmup_steps: int) -> StepCost:
    assert found.phases is not None
    step = step_statistics(list(chain.from_iterable(blocks.plain)))
    mean_us = step.mean_s * 1e6
    stall_us = step.stall_s / step.n * 1e6
    return StepCost(
        device="cpu",
        threads=found.threads,
        mean_us=mean_us,
        p10_us=step.p10_s * 1e6,
        p50_us=step.p50_s * 1e6,
        p90_us=step.p90_s * 1e6,
        n=step.n,
        stalls=step.stalls,
        stall_us=stall_us,
        half_width=half_width(blocks.block_means_s),
        repeatability=unlikeness(found.passes),
        rounds=len(blocks.probes_s),
        dropped_rounds=sum(len(p.probes_s) for p in found.passes) - len(blocks.probes_s),
        closure={"cpu": closure_of(times, mean_us)},
        scale={"cpu": (mean_us + stall_us) / times.total_us},
        profiler_event_us=statistics.median(found.event_us),
        compute_slowdown=found.neighbours.by_count("compute"),
        stream_slowdown=found.neighbours.by_count("stream"),
        pressure=found.neighbours.pressure,
        build_s=found.phases.build_s,
        warmup_s=sum(found.phases.first_steps_s[:warmup_steps]),
        evaluate_s=found.phases.evaluate_s,
        save_s=found.phases.save_s,
        sensitivity=found.neighbours.points(),
    )


def _memory_cost(found: Found) -> MemoryCost:
    assert found.phases is not None
    sizes = found.ready["sizes"]
    return MemoryCost(
        device="cpu",
        activation_bytes=max(0, found.structure["peak_bytes"] - sizes["gradient_bytes"]),
        context_bytes=found.idle_bytes,
        peak_bytes=found.phases.peak_bytes,
        **sizes,
    )


def _warmup_steps(counts: Sequence[Found]) -> int:
    """The longest warm-up at any thread count."""
    return max(
        warm_up_steps(found.phases.first_steps_s, found.passes[0].mean_s)
        for found in counts
        if found.phases is not None
    )


def _of_steps(
    counts: Sequence[Found], warmup_steps: int
) -> tuple[list[StepCost], list[OperatorCost]]:
    """The step at each thread count, and all operators."""
    steps: list[StepCost] = []
    operators: list[OperatorCost] = []
    for found in counts:
        blocks = together([one.steady() for one in found.passes])
        event_us = statistics.median(found.event_us)
        times = merge_operators(found.structure["calls"], blocks.profiled, event_us, found.threads)
        operators.extend(times.costs())
        steps.append(_step_cost(found, times, blocks, warmup_steps))
    return steps, operators
