"""Assembles a job's profile from its measurements at each thread count."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from profiles.assembling.gpu_operator_times import DeviceTimes, merge_device
from profiles.assembling.job_type import demands
from profiles.assembling.operator_times import (
    OperatorTimes,
    closure_of,
    merge_operators,
)
from profiles.assembling.settled_types import settled
from profiles.machines.gpu_meter import driver_version
from profiles.measurements.neighbours import Neighbours
from profiles.measurements.phases import PhaseTimes, warm_up_steps
from profiles.measurements.quiet_rounds import (
    Pass,
    apart_s,
    block_means_s,
    half_width,
    mean_s,
    quiet,
    spared,
    steps_s,
    typical_profiled,
    unlikeness,
)
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
from rmixer.operators.operator_cost import OperatorCost
from rmixer.workload.workload import Job


@dataclass
class Found:
    """The measurements at one thread count on one ``device`` (torch's name), over its passes."""

    threads: int
    device: str = "cpu"
    idle_bytes: int = 0
    phases: PhaseTimes | None = None
    ready: dict[str, Any] = field(default_factory=dict)
    structure: dict[str, Any] = field(default_factory=dict)
    passes: list[Pass] = field(default_factory=list)
    fastest_exchange_us: float = math.inf
    neighbours: Neighbours = field(default_factory=Neighbours)

    @property
    def kind(self) -> Kind:
        """The kind of the device."""
        return "cpu" if self.device == "cpu" else "gpu"


def assemble(
    job: Job,
    machine: Machine,
    counts: Sequence[Found],
    probe_s: float,
    earlier: Mapping[Kind, Sequence[float]] | None = None,
) -> ModelProfile:
    """The profile of ``job`` from the measurements at each thread count, those on the CPU first.
    ``earlier`` are :func:`event_costs` of jobs before it on this machine, by device."""
    warmup_steps = max(
        warm_up_steps(found.phases.first_steps_s, mean_s(found.passes[0]))
        for found in counts
        if found.phases is not None
    )
    steps, operators = _of_steps(counts, warmup_steps, earlier or {})
    asked = demands(machine, steps, operators)
    flops, moved = asked.flops, asked.moved_bytes
    profile = ModelProfile(
        identity=job.identity,
        machine=machine.name,
        origin="measured",
        steps=tuple(steps),
        memory=tuple(_memory_cost(found) for found in _first_of_each_kind(counts)),
        startup_s=machine.worker_startup_s,
        warmup_steps=warmup_steps,
        flops=flops,
        bytes=moved,
        intensity=flops / moved if moved else 0.0,
        bandwidth_gbps=moved / steps[0].mean_us * 1e-3,
        utilisation=asked.utilisation,
        job_type=asked.job_type,
        probe_s=probe_s,
        fingerprint=take_fingerprint(machine.fingerprint.hardware, driver_version()),
        operators=tuple(operators),
    )
    return settled(profile, (), machine)


def _step_cost(
    found: Found, times: OperatorTimes | DeviceTimes, rounds: Pass, warmup_steps: int
) -> StepCost:
    assert found.phases is not None
    step = step_statistics(steps_s(rounds))
    mean_us = step.mean_s * 1e6
    stall_us = step.stall_s / step.n * 1e6
    apart_us = apart_s(found.passes, found.fastest_exchange_us) * 1e6
    whole_us = mean_us + stall_us + apart_us
    return StepCost(
        device=found.kind,
        threads=found.threads,
        mean_us=mean_us,
        p10_us=step.p10_s * 1e6,
        p50_us=step.p50_s * 1e6,
        p90_us=step.p90_s * 1e6,
        stall_us=stall_us,
        scale={lane: whole_us / total_us for lane, total_us in times.lanes_us.items()},
        compute_slowdown=found.neighbours.by_count("compute"),
        stream_slowdown=found.neighbours.by_count("stream"),
        pressure=found.neighbours.pressure,
        build_s=found.phases.build_s,
        warmup_s=math.fsum(found.phases.first_steps_s[:warmup_steps]),
        evaluate_s=found.phases.evaluate_s,
        save_s=found.phases.save_s,
        measurement=StepMeasurement(
            n=step.n,
            stalls=step.stalls,
            half_width=min(1.0, half_width(block_means_s(rounds))),
            repeatability=unlikeness(found.passes, found.fastest_exchange_us),
            rounds=len(rounds),
            dropped_rounds=sum(map(len, found.passes)) - len(rounds),
            closure={lane: closure_of(us, mean_us) for lane, us in times.lanes_us.items()},
            waited=max(found.phases.waited, *(each.waited for each in rounds)),
            sensitivity_half_width=found.neighbours.sensitivity_half_width,
        ),
        exchange_us=statistics.median(each.exchange_us for each in rounds),
        apart_us=apart_us,
    )


def _first_of_each_kind(counts: Sequence[Found]) -> list[Found]:
    kinds = dict.fromkeys(found.kind for found in counts)
    return [next(found for found in counts if found.kind == kind) for kind in kinds]


def _memory_cost(found: Found) -> MemoryCost:
    assert found.phases is not None
    sizes = found.ready["sizes"]
    # The peak of resident memory has it already.
    beyond_bytes = found.idle_bytes if found.kind == "gpu" else 0
    return MemoryCost(
        device=found.kind,
        activation_bytes=max(0, found.structure["peak_bytes"] - sizes["gradient_bytes"]),
        context_bytes=found.idle_bytes,
        peak_bytes=found.phases.peak_bytes + beyond_bytes,
        **sizes,
    )


def _of_steps(
    counts: Sequence[Found], warmup_steps: int, earlier: Mapping[Kind, Sequence[float]]
) -> tuple[list[StepCost], list[OperatorCost]]:
    """The step at each thread count, and all operators."""
    steps: list[StepCost] = []
    operators: list[OperatorCost] = []
    for found in counts:
        rounds = quiet(found.passes, found.fastest_exchange_us)
        costs = [*earlier.get(found.kind, ()), *event_costs(counts, found.kind)]
        event_us = max(0.0, statistics.median(costs))
        times: OperatorTimes | DeviceTimes
        if found.kind == "cpu":
            profiled = typical_profiled(rounds)
            times = merge_operators(found.structure["calls"], profiled, event_us, found.threads)
        else:
            profiled = [each.profiled for each in rounds]
            times = merge_device(found.structure["calls"], profiled, event_us, found.threads)
        operators.extend(times.costs())
        steps.append(_step_cost(found, times, rounds, warmup_steps))
    return steps, operators


def event_costs(counts: Sequence[Found], kind: Kind) -> list[float]:
    """The profiler's cost of an event in each round that counts, over all thread counts; in all
    rounds if none that counts has it. It is a cost of the host that depends neither on the job nor
    on the number of threads."""
    passes = [one for found in counts if found.kind == kind for one in found.passes]
    return _asked([spared(one) for one in passes]) or _asked(passes)


def _asked(passes: Sequence[Pass]) -> list[float]:
    return [each.event_us for one in passes for each in one if each.event_us is not None]
