"""Profile one cost identity on this machine: what goes where, in which order, and how often."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profiles.bubble import Bubbles
from profiles.operators import OperatorTimes, closure_of, merge_operators, total_work
from profiles.phases import PhaseTimes, measure_phases
from rmixer.cost_identity import cost_identity
from rmixer.fingerprint import take_fingerprint
from rmixer.machine import Machine
from rmixer.profile import JobType, MemoryCost, ModelProfile, OperatorCost, StepCost
from rmixer.step_statistics import step_statistics
from rmixer.training.process import WorkerProcess
from rmixer.training.train_job import WARMUP_STEPS
from rmixer.workload import Job

ROUNDS = 6
BLOCK_S = 0.3
REFERENCE_S = 0.15
PROFILED_STEPS = 8
START_AND_PHASES_S = 8.0
LOW_UTILISATION = 0.1


@dataclass
class _Blocks:
    """What the rounds of one thread count gave."""

    plain: list[list[float]] = field(default_factory=list)
    profiled: list[dict[str, Any]] = field(default_factory=list)
    compute: dict[int, list[float]] = field(default_factory=dict)
    stream: dict[int, list[float]] = field(default_factory=dict)
    pressure: list[float] = field(default_factory=list)


def profile_job(
    job: Job,
    machine: Machine,
    threads: Sequence[int],
    rounds: int = ROUNDS,
    report: Callable[[str], None] = lambda text: None,
) -> ModelProfile:
    """The profile of ``job``'s cost identity on this machine, at each count of ``threads``.

    Each count has a worker of its own on the first cores. In every round blocks without the
    profiler, with it, and beside bubbles on the other cores follow each other, so that the
    machine's drift meets all alike.
    """
    steps: list[StepCost] = []
    operators: list[OperatorCost] = []
    memory: MemoryCost | None = None
    startups: list[float] = []
    with Bubbles(tuple(reversed(machine.cores))) as bubbles:
        probe_s = statistics.median(bubbles.probe() for _ in range(9))
        for count in threads:
            report(f"{job.model}, batch {job.batch}, {count} thread(s)")
            with WorkerProcess(machine.cores[:count]) as worker:
                startups.append(worker.warm_up())
                idle = worker.call("profiles.session:idle_bytes")
                phases = measure_phases(worker, job)
                ready = worker.ask(
                    "task", task="profiles.session:session", arguments={"job": vars(job)}
                )
                structure = worker.ask("structure")
                event_us = worker.ask("calibrate")["event_us"]
                spare = len(machine.cores) - count
                blocks = _measure(worker, bubbles, spare, rounds)
                worker.send("end")
            found = merge_operators(structure["calls"], blocks.profiled, event_us, count)
            sizes = ready["sizes"]
            rows = found.costs(ready["dense_bytes"])
            steps.append(_step_cost(blocks, found, phases, event_us, count))
            operators.extend(rows)
            if memory is None:
                activations = structure["peak_bytes"] - sizes["gradient_bytes"]
                memory = MemoryCost(
                    device="cpu",
                    activation_bytes=max(0, activations),
                    context_bytes=idle,
                    peak_bytes=phases.peak_bytes,
                    **sizes,
                )
    assert memory is not None
    return _assemble(job, machine, steps, operators, memory, startups, probe_s)


def profiling_seconds(cores: int, threads: Sequence[int], rounds: int = ROUNDS) -> float:
    """About how long :func:`profile_job` takes on a machine of so many cores, from its plan."""
    total_s = 0.0
    for count in threads:
        levels = len(_levels(cores - count))
        round_s = 3 * BLOCK_S + levels * 2 * (BLOCK_S + 0.1) + (2 * REFERENCE_S if levels else 0.0)
        total_s += START_AND_PHASES_S + rounds * round_s
    return total_s


def _levels(spare: int) -> list[int]:
    """The counts of bubbles tried beside a job where ``spare`` cores are left over."""
    return sorted({1, -(-spare // 2), spare}) if spare else []


def _measure(worker: WorkerProcess, bubbles: Bubbles, spare: int, rounds: int) -> _Blocks:
    """All rounds of one thread count, with ``spare`` cores left for bubbles."""
    blocks = _Blocks()
    levels = _levels(spare)
    for _ in range(rounds):
        plain = worker.ask("plain", seconds=BLOCK_S)["durations"]
        blocks.plain.append(plain)
        blocks.profiled.append(worker.ask("profiled", steps=PROFILED_STEPS))
        alone_s = step_statistics(plain).mean_s
        block_s = max(BLOCK_S, 4 * alone_s)
        for k in levels:
            beside, _ = _beside(worker, bubbles, "compute", k, block_s)
            blocks.compute.setdefault(k, []).append(beside / alone_s)
            beside, rate = _beside(worker, bubbles, "stream", k, block_s)
            blocks.stream.setdefault(k, []).append(beside / alone_s)
            if k == 1:
                blocks.pressure.append(_pressure(bubbles, rate))
        blocks.plain.append(worker.ask("plain", seconds=BLOCK_S)["durations"])
    return blocks


def _beside(
    worker: WorkerProcess, bubbles: Bubbles, work: Any, count: int, block_s: float
) -> tuple[float, float]:
    """The job's mean step in seconds beside ``count`` bubbles that work for ``block_s``, and the
    rate of the first one."""
    bubbles.start(work, block_s, count)
    durations = np.asarray(worker.ask("plain", seconds=block_s)["durations"])
    # Steps that outlasted the bubbles were alone at the end.
    within = durations[np.cumsum(durations) <= block_s]
    steps = step_statistics(within if within.size else durations[:1])
    return steps.mean_s, bubbles.rates(count)[0]


def _pressure(bubbles: Bubbles, beside_job: float) -> float:
    """How far the job slowed a stream on another core, from 0 (like a compute loop in its place)
    to 1 (like another stream in its place). ``beside_job`` is that stream's rate."""
    last = len(bubbles) - 1
    like_compute = bubbles.pair("stream", "compute", last, REFERENCE_S)
    like_stream = bubbles.pair("stream", "stream", last, REFERENCE_S)
    slowed = 1 / beside_job - 1 / like_compute
    span = 1 / like_stream - 1 / like_compute
    if span <= 0.02 / like_compute:  # streams do not disturb each other here: nothing to share
        return 0.0
    return slowed / span


def _step_cost(
    blocks: _Blocks, found: OperatorTimes, phases: PhaseTimes, event_us: float, threads: int
) -> StepCost:
    durations: NDArray[np.float64] = np.concatenate([np.asarray(b) for b in blocks.plain])
    step = step_statistics(durations)
    mean_us = step.mean_s * 1e6
    stall_us = step.stall_s / step.n * 1e6
    total_us = found.total_us
    return StepCost(
        device="cpu",
        threads=threads,
        mean_us=mean_us,
        p10_us=step.p10_s * 1e6,
        p50_us=step.p50_s * 1e6,
        p90_us=step.p90_s * 1e6,
        n=step.n,
        stalls=step.stalls,
        stall_us=stall_us,
        closure={"cpu": closure_of(found, mean_us)},
        scale={"cpu": (mean_us + stall_us) / total_us},
        profiler_event_us=event_us,
        compute_slowdown=_by_count(blocks.compute),
        stream_slowdown=_by_count(blocks.stream),
        pressure=max(0.0, statistics.median(blocks.pressure)) if blocks.pressure else 0.0,
        build_s=phases.build_s,
        warmup_s=phases.warmup_s,
        evaluate_s=phases.evaluate_s,
        save_s=phases.save_s,
    )


def _by_count(ratios: dict[int, list[float]]) -> tuple[float, ...]:
    """The median slow-down for every count of bubbles up to the largest measured; below 1 is
    noise and becomes 1, counts in between are interpolated."""
    if not ratios:
        return ()
    counts = sorted(ratios)
    medians = [max(1.0, statistics.median(ratios[k])) for k in counts]
    values = np.interp(range(1, counts[-1] + 1), counts, medians)
    return tuple(round(float(value), 4) for value in values)


def _assemble(
    job: Job,
    machine: Machine,
    steps: Sequence[StepCost],
    operators: Sequence[OperatorCost],
    memory: MemoryCost,
    startups: Sequence[float],
    probe_s: float,
) -> ModelProfile:
    flops, moved = total_work(operators, steps[0].threads)
    step_s = steps[0].mean_us * 1e-6
    share = max(
        flops / step_s / (machine.matmul_gflops[0] * 1e9),
        moved / step_s / (machine.bandwidth_gbps[0] * 1e9),
    )
    balance = machine.matmul_gflops[0] / machine.bandwidth_gbps[0]
    intensity = flops / moved if moved else 0.0
    job_type: JobType = "memory"
    if share < LOW_UTILISATION:
        job_type = "low"
    elif intensity >= balance:
        job_type = "compute"
    return ModelProfile(
        identity=cost_identity(job),
        machine=machine.name,
        origin="measured",
        steps=tuple(steps),
        memory=(memory,),
        startup_s=statistics.median(startups),
        warmup_steps=WARMUP_STEPS,
        flops=flops,
        bytes=moved,
        intensity=intensity,
        bandwidth_gbps=moved / step_s / 1e9,
        utilisation={"cpu": min(1.0, share)},
        job_type={"cpu": job_type},
        probe_s=probe_s,
        fingerprint=take_fingerprint(machine.fingerprint.hardware, machine.fingerprint.driver),
        operators=tuple(operators),
    )
