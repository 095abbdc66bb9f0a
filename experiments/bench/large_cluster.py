"""Measures the simulator's time for each job as the number of jobs on many GPUs grows.

``python -m experiments.bench.large_cluster [--out FILE]``: 1,000 to 100,000 jobs of 50 durations on
800 GPUs of a slot each, at a load of 0.9, a fifth of them waiting from the start; policy
``dySequ@dyWork``; durations as from a table, so that company costs nothing.
"""

from __future__ import annotations

import resource
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import click

from experiments.bench.findings import Columns, out_option, rows_as_text, tell
from rmixer.hardware.machine import Gpu
from rmixer.model_profile.model_profile import MemoryCost, ModelProfile
from rmixer.policies import make_policy
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.problem import Problem, ProfiledJob
from rmixer.testing.made_up import GIB, make_job, make_machine, make_profile, make_step
from rmixer.workload.workload import Workload
from sim.job_level.simulate import simulate
from sim.simple_step_times.uncontended import Uncontended

GPUS, LOAD, BURST, DURATIONS = 800, 0.9, 0.2, 50
STEPS = 100


@click.command()
@out_option
def main(out: Path | None) -> None:
    """Simulates 1,000, 10,000 and 100,000 jobs."""
    rows = []
    for jobs in (1_000, 10_000, 100_000):
        taken_s = simulated_s(jobs)
        memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append({"jobs": jobs, "seconds": taken_s, "memory_mib": memory_mib})
    columns: Columns = {
        "jobs": "{0[jobs]:,}",
        "seconds": "{0[seconds]:.1f}",
        "µs a job": lambda row: f"{row['seconds'] / row['jobs'] * 1e6:.0f}",
        "memory MiB": "{0[memory_mib]:.0f}",
    }
    tell(rows_as_text(rows, columns), out, rows)


def simulated_s(jobs: int) -> float:
    """Seconds that ``jobs`` jobs take to simulate."""
    problem = _problem(jobs)
    gpus = (device.name for device in problem.machine.devices if device.kind == "gpu")
    layout = Layout(tuple(DeviceSlots(name, 1, 1) for name in gpus))
    begin_s = time.perf_counter()
    simulate(problem, make_policy("dySequ@dyWork"), layout, Uncontended(problem.profiles))
    return time.perf_counter() - begin_s


def _problem(count: int) -> Problem:
    draw = Random(0)
    machine = replace(make_machine(cores=GPUS), gpus=(Gpu("any", 80 * GIB, 100),) * GPUS)
    profiles = [_profile(draw, number) for number in range(DURATIONS)]
    mean_s = sum(STEPS * each.steps[0].mean_us * 1e-6 for each in profiles) / DURATIONS
    arrival_s = 0.0
    jobs = []
    for number in range(count):
        if number >= BURST * count:
            arrival_s += draw.expovariate(LOAD * GPUS / mean_s)
        job = replace(make_job(f"job-{number}", steps=STEPS), arrival_s=round(arrival_s, 6))
        profile = draw.choice(profiles)
        jobs.append(ProfiledJob(job, profile.key, profile))
    return Problem(Workload("many", 0, tuple(each.job for each in jobs)), machine, tuple(jobs))


def _profile(draw: Random, number: int) -> ModelProfile:
    """A job of one to sixty minutes and 1 to 30 GiB."""
    duration_us = draw.uniform(60e6, 3600e6)
    step = make_step(
        "gpu", mean_us=duration_us / STEPS, build_s=0.0, warmup_s=0.0, evaluate_s=0.0, save_s=0.0
    )
    memory = MemoryCost("gpu", None, None, None, None, None, draw.randint(1, 30) * GIB)
    return replace(
        make_profile(steps=[step], operators=[], batch=100 + number),
        origin="table",
        memory=(memory,),
        warmup_steps=0,
        utilisation={"gpu": draw.random()},
        job_type={"gpu": draw.choice(("compute", "memory", "low"))},
    )


if __name__ == "__main__":
    main()
