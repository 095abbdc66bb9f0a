"""Profile one cost identity on this machine: what goes where, in which order, and how often."""

from __future__ import annotations

import contextlib
import itertools
import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from profiles.assemble import Found, assemble
from profiles.bubble import Bubbles
from profiles.gpu_bubble import GpuBubble
from profiles.job_type import check_gpus
from profiles.neighbours import (
    SWEEP_S,
    bubble_levels,
    measure_gpu_neighbours,
    measure_neighbours,
)
from profiles.phases import measure_phases
from profiles.precision import blocks_needed
from profiles.rounds import Plan, measure_rounds, together
from rmixer.machine import Machine
from rmixer.profile import ModelProfile, StepCost
from rmixer.training.process import WorkerProcess
from rmixer.workload import Job

PASSES = 2
START_AND_PHASES_S, GPU_START_S = 11.0, 15.0
GPU = "cuda:0"
_MEASURE_INPUT = "profiles.input_cost:measure_input"


def profile_job(
    job: Job,
    machine: Machine,
    threads: Sequence[int],
    plan: Plan | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> ModelProfile:
    """The profile of ``job``'s cost identity on this machine, at each count of ``threads``: on its
    CPU and, where there are GPUs, on the first of them.

    Each count is taken twice, in a fresh worker on the first cores each time: what the two say
    differently is the profile's ``repeatability``. ``report`` hears where the machine was too
    noisy for the precision that ``plan`` wants.
    """
    plan = plan or Plan()
    check_gpus(machine)
    counts: list[Found] = []
    devices = ("cpu", GPU) if machine.gpus else ("cpu",)
    with Bubbles(tuple(reversed(machine.cores))) as bubbles:
        probe_s = statistics.median(bubbles.probe() for _ in range(9))
        for device in devices:
            with _warm_workers(machine, threads) as workers:
                for count, fresh in zip(threads, workers, strict=True):
                    where = "" if device == "cpu" else ", on the GPU"
                    report(f"{job.model}, batch {job.batch}, {count} thread(s){where}")
                    found = Found(count, device)
                    spare = len(machine.cores) - count
                    for number, worker in enumerate(fresh):
                        # The first worker's files would be in the system's cache, and mapped.
                        if number == 1 and not counts:
                            found.input = worker.call(_MEASURE_INPUT, job=vars(job))
                        _one_pass(worker, bubbles, job, spare, plan, found)
                        if number == 0 and device == GPU and spare and plan.neighbours:
                            alone_s = found.passes[0].mean_s
                            sms = machine.gpus[0].multiprocessors
                            with GpuBubble(GPU, sms, machine.cores[-1]) as bubble:
                                found.on_gpu = measure_gpu_neighbours(worker, bubble, alone_s)
                        worker.send("end")
                        worker.close()
                    counts.append(found)
    profile = assemble(job, machine, counts, probe_s)
    for found, step in zip(counts, profile.steps, strict=True):
        if step.half_width > plan.precision:
            report(_too_noisy(found, step, plan))
    return profile


@contextlib.contextmanager
def _warm_workers(
    machine: Machine, threads: Sequence[int]
) -> Iterator[tuple[tuple[WorkerProcess, ...], ...]]:
    """Workers for every pass of every count of ``threads``. They start side by side, which takes
    less time, and wait without work until it is their turn."""
    with contextlib.ExitStack() as ending:
        workers = tuple(
            tuple(ending.enter_context(WorkerProcess(machine.cores[:count])) for _ in range(PASSES))
            for count in threads
        )
        everyone = list(itertools.chain.from_iterable(workers))
        with ThreadPoolExecutor(len(everyone)) as pool:
            list(pool.map(WorkerProcess.warm_up, everyone))
        yield workers


def profiling_seconds(
    cores: int, threads: Sequence[int], plan: Plan | None = None, on_gpu: bool = False
) -> float:
    """At most how long :func:`profile_job` takes for a step that is not slow."""
    plan = plan or Plan()
    total_s = 0.0
    for count in threads:
        sweep_s = SWEEP_S / 2 if plan.neighbours and bubble_levels(cores - count) else 0.0
        each_s = START_AND_PHASES_S + PASSES * plan.seconds + sweep_s
        total_s += each_s + (each_s + GPU_START_S + sweep_s if on_gpu else 0.0)
    return total_s


def _one_pass(
    worker: WorkerProcess, bubbles: Bubbles, job: Job, spare: int, plan: Plan, found: Found
) -> None:
    """What one worker is asked; what is needed only once is asked of the first."""
    is_first = found.phases is None
    if is_first:
        found.idle_bytes = worker.call("profiles.session:idle_bytes", device=found.device)
        found.phases = measure_phases(worker, job, found.device)
    arguments = {"job": vars(job), "device": found.device}
    found.ready = worker.ask("task", task="profiles.session:session", arguments=arguments)
    if is_first:
        found.structure = worker.ask("structure")
    found.passes.append(measure_rounds(worker, bubbles, plan))
    if is_first and plan.neighbours:
        alone_s = found.passes[0].mean_s
        found.neighbours = measure_neighbours(worker, bubbles, spare, alone_s)


def _too_noisy(found: Found, step: StepCost, plan: Plan) -> str:
    """In words how far from precise a step is, and what it would take."""
    means = together([blocks.steady() for blocks in found.passes]).block_means_s
    rounds_s = sum(blocks.seconds for blocks in found.passes)
    each_s = rounds_s / sum(len(blocks.plain) for blocks in found.passes)
    needed_s = blocks_needed(means, plan.precision) * each_s / PASSES
    return (
        f"this machine is noisy: the mean step with {step.threads} thread(s) is known within "
        f"{step.half_width:.1%}, not {plan.precision:.1%}, after {rounds_s:.0f} s; that would "
        f"take about {needed_s * PASSES:.0f} s (`--seconds {needed_s:.0f}`)"
    )
