"""Profile cost identities on this machine: what goes where, in which order, and how often."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence

from profiles.assemble import Found, assemble, event_costs
from profiles.crew import GPU, PASSES, Crew, Staff
from profiles.job_type import check_gpus
from profiles.neighbours import bubble_levels, measure_gpu_neighbours, measure_neighbours
from profiles.phases import measure_phases
from profiles.precision import PROBE_FACTOR, blocks_needed
from profiles.rounds import (
    BLOCK_S,
    PATIENCE,
    Plan,
    fastest_exchange_us,
    measure_rounds,
    steady_together,
)
from rmixer.errors import RunFailed
from rmixer.machine import Machine
from rmixer.profile import ModelProfile, StepCost
from rmixer.training.process import WorkerProcess
from rmixer.workload import Job

START_AND_PHASES_S, GPU_START_S = 11.0, 15.0
_MEASURE_INPUT = "profiles.input_cost:measure_input"
_NO_MEMORY = "OutOfMemoryError"
WORST_CLOSURE, WORST_REPEATABILITY = 0.06, 0.15
"""Beyond them a profile is not what it should be, whatever its step's interval says."""


def profile_jobs(
    jobs: Sequence[Job],
    machine: Machine,
    threads: Sequence[int],
    plan: Plan | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> Iterator[ModelProfile | RunFailed]:
    """The profile of each job's cost identity on this machine, at each count of ``threads``: on its
    CPU and, where there are GPUs, on the first of them, unless it does not fit there. A job that
    fails has its failure instead, and those after it are profiled all the same.

    Each count is taken twice, in a fresh worker each time, on other cores where there are more:
    what the two say differently is the profile's ``repeatability``. ``report`` hears where the
    machine was too noisy for the precision that ``plan`` wants, or its cores exchanged data slowly
    all the while.
    """
    plan = plan or Plan()
    check_gpus(machine)
    with Crew(machine, threads) as crew:
        for index, job in enumerate(jobs):
            found: ModelProfile | RunFailed
            with crew.fresh(len(jobs) - index) as staff:
                try:
                    found = _profile(job, machine, crew, staff, plan, report)
                except RunFailed as failure:
                    found = failure
            yield found


def _profile(
    job: Job,
    machine: Machine,
    crew: Crew,
    staff: Staff,
    plan: Plan,
    report: Callable[[str], None],
) -> ModelProfile:
    probe_s = statistics.median(crew.bubbles.probe() for _ in range(9))
    counts: list[Found] = []
    for (device, count), fresh in staff.items():
        where = "" if device == "cpu" else ", on the GPU"
        report(f"{job.model}, batch {job.batch}, {count} thread(s){where}")
        try:
            found = Found(count, device)
            _at_count(job, crew, fresh, len(machine.cores) - count, plan, found, not counts)
            counts.append(found)
        except RunFailed as error:
            if device == "cpu" or _NO_MEMORY not in str(error):
                raise
            report(f"{job.model}, batch {job.batch}, does not fit the GPU: on the CPU alone")
            counts = [found for found in counts if found.kind == "cpu"]
            break
    profile = assemble(job, machine, counts, probe_s, crew.event_us)
    for kind, known in crew.event_us.items():
        known.extend(event_costs(counts, kind))
    for found, step in zip(counts, profile.steps, strict=True):
        if step.exchange_us > PROBE_FACTOR * found.fastest_exchange_us:
            report(_far_apart(found, step))
        if words := disturbed(step):
            report(words)
        if step.half_width > plan.precision:
            report(_too_noisy(found, step, plan))
    return profile


def _at_count(
    job: Job,
    crew: Crew,
    fresh: Sequence[WorkerProcess],
    spare: int,
    plan: Plan,
    found: Found,
    with_input: bool,
) -> None:
    """All that is measured at one count of threads on one device."""
    for number, worker in enumerate(fresh):
        # The first worker's files would be in the system's cache, and mapped.
        if number == 1 and with_input:
            found.input = worker.call(_MEASURE_INPUT, job=vars(job))
        _one_pass(worker, crew, job, spare, plan, found)
        if number == 0 and found.device == GPU and spare and plan.neighbours:
            alone_s = found.passes[0].mean_s
            found.on_gpu = measure_gpu_neighbours(
                worker, crew.gpu_bubble(), alone_s, plan.sweep_seconds
            )
        worker.send("end")
        worker.close()


def profiling_seconds(
    cores: int, threads: Sequence[int], plan: Plan | None = None, on_gpu: bool = False
) -> float:
    """At most how long :func:`profile_jobs` takes for a step that is not slow."""
    plan = plan or Plan()
    total_s = 0.0
    for count in threads:
        swept = plan.neighbours and bubble_levels(cores - count)
        sweep_s = plan.sweep_seconds / 2 if swept else 0.0
        rounds_s = PASSES * plan.seconds * PATIENCE
        each_s = START_AND_PHASES_S + rounds_s + sweep_s
        total_s += each_s + (each_s + GPU_START_S + sweep_s if on_gpu else 0.0)
    return total_s


def _one_pass(
    worker: WorkerProcess, crew: Crew, job: Job, spare: int, plan: Plan, found: Found
) -> None:
    """What one worker is asked; what is needed only once is asked of the first."""
    bubbles = crew.bubbles.facing(worker.cores)
    known_us = crew.exchange_us.get(found.threads, math.inf)
    is_first = found.phases is None
    if is_first:
        found.idle_bytes = worker.call("profiles.session:idle_bytes", device=found.device)
        found.phases = measure_phases(worker, job, found.device)
    arguments = {"job": vars(job), "device": found.device, "block_s": BLOCK_S}
    found.ready = worker.ask("task", task="profiles.session:session", arguments=arguments)
    found.passes.append(measure_rounds(worker, bubbles, plan, known_us, found.passes))
    found.fastest_exchange_us = fastest_exchange_us(found.passes, known_us)
    crew.exchange_us[found.threads] = found.fastest_exchange_us
    if is_first and plan.neighbours:
        alone_s = found.passes[0].mean_s
        found.neighbours = measure_neighbours(worker, bubbles, spare, alone_s, plan.sweep_seconds)
    if is_first:  # afterwards, for it leaves the heap in disorder
        found.structure = worker.ask("structure")


def _far_apart(found: Found, step: StepCost) -> str:
    """In words that the cores were slower together than they can be."""
    ratio = step.exchange_us / found.fastest_exchange_us
    return (
        f"the cores of this machine were far apart: with {step.threads} threads they took "
        f"{ratio:.1f} times as long to exchange data as they can, and a step takes longer then; "
        "profile it again (`--again`)"
    )


def disturbed(step: StepCost) -> str:
    """In words that the machine was not the same throughout, as the step itself shows; nothing
    where it does not."""
    where = f"with {step.threads} thread(s)" + (" on the GPU" if step.device == "gpu" else "")
    again = "the machine was not the same throughout; profile it again (`--again`)"
    lane, closure = max(step.closure.items(), key=lambda item: abs(item[1]), default=("", 0.0))
    if abs(closure) > WORST_CLOSURE:
        return (
            f"{where} operators and gaps on lane {lane} add up to {1 + closure:.0%} of the step: "
            f"{again}"
        )
    if step.repeatability > WORST_REPEATABILITY and not step.apart_us:  # else that is known
        return f"{where} one worker took {step.repeatability:.0%} longer than the other: {again}"
    return ""


def _too_noisy(found: Found, step: StepCost, plan: Plan) -> str:
    """In words how far from precise a step is, and what it would take."""
    means = steady_together(found.passes, found.fastest_exchange_us).block_means_s
    rounds_s = sum(blocks.seconds for blocks in found.passes)
    each_s = rounds_s / sum(len(blocks.plain) for blocks in found.passes)
    needed_s = blocks_needed(means, plan.precision) * each_s / PASSES
    return (
        f"this machine is noisy: the mean step with {step.threads} thread(s) is known within "
        f"{step.half_width:.2%}, not {plan.precision:.2%}, after {rounds_s:.0f} s; that would "
        f"take about {needed_s * PASSES:.0f} s (`--seconds {needed_s:.0f}`)"
    )
