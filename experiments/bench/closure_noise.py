"""The chance that a short profile's closure is beyond 6%: by the mean of all its rounds, and by
their middle third, as in profiles.

``python -m experiments.bench.closure_noise MODEL ... [--threads N] [--seconds S] [--out FILE]``:
one worker takes rounds for a minute. A short profile is two stretches of them, drawn at random, one
for each of the workers that a profile has.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from experiments.bench.findings import out_option, rows_as_text, tell
from experiments.stages.execution import prepare_data
from profiles.assembling.operator_times import closure_of, merge_operators
from profiles.in_worker.tasks import SESSION
from profiles.measurements.blocks import Blocks, steady_together
from profiles.measurements.middle_third import typical_profiled
from profiles.measurements.rounds import BLOCK_S, Plan, Rounds
from profiles.profiler.crew import Crew
from profiles.stored.store import Store
from rmixer.hardware.machine import Machine
from rmixer.workload.workload import Job, Workload, job_of

GOAL, DRAWS, SEED = 0.06, 400, 0
STRETCHES = (4, 8)


@click.command()
@click.argument("models", nargs=-1, required=True)
@click.option("--threads", default=1, type=click.IntRange(min=1))
@click.option("--seconds", default=60.0, help="How long rounds are taken of each model.")
@out_option
def main(models: Sequence[str], threads: int, seconds: float, out: Path | None) -> None:
    """Measures, draws, compares."""
    machine = Store().this_machine()
    jobs = tuple(map(job_of, models))
    prepare_data(Workload("bench", SEED, jobs))
    rows = [
        row
        for job in jobs
        for row in drawn(job, threads, *measured(job, machine, threads, seconds))
    ]
    tell(present(rows), out, {"machine": machine.name, "seconds": seconds, "closures": rows})


def measured(
    job: Job, machine: Machine, threads: int, seconds: float
) -> tuple[Blocks, dict[str, Any]]:
    """The rounds of one worker in so many seconds, and the structure of its step."""
    with Crew(machine, (threads,)) as crew, crew.fresh(1) as staff:
        worker = staff["cpu", threads][0]
        arguments = {"job": job, "device": "cpu", "block_s": BLOCK_S}
        worker.ask("task", task=SESSION, arguments=arguments)
        plan = Plan(precision=0.0, least_rounds=2 * STRETCHES[-1], seconds=seconds)
        rounds = Rounds(worker, crew.bubbles.facing(worker.cores), plan)
        while rounds.have_time:
            rounds.another()
        if rounds.failure:
            raise rounds.failure
        structure = worker.ask("structure")
        worker.send("end")
        return rounds.blocks, structure


def drawn(
    job: Job, threads: int, blocks: Blocks, structure: dict[str, Any]
) -> list[dict[str, Any]]:
    """A row for each length of a stretch: closures by both ways, over all draws."""
    chance, taken = random.Random(SEED), len(blocks.probes_s)
    event_us = max(0.0, statistics.median(cost for cost in blocks.event_us if cost is not None))
    rows = []
    for length in STRETCHES:
        closures: dict[str, list[float]] = {"all": [], "middle third": []}
        for _ in range(DRAWS):
            begins = [chance.randrange(taken - length + 1) for _ in range(2)]
            steady = steady_together([blocks.only(range(b, b + length)) for b in begins])
            for way, profiled in (
                ("all", steady.profiled),
                ("middle third", typical_profiled(steady)),
            ):
                times = merge_operators(structure["calls"], profiled, event_us, threads)
                closures[way].append(closure_of(times.total_us, steady.mean_s * 1e6))
        steps_s = blocks.block_means_s
        for way, found in closures.items():
            rows.append(
                {
                    "model": job.model,
                    "batch": job.batch,
                    "threads": threads,
                    "rounds": taken,
                    "unlike": float(np.std(steps_s) / np.mean(steps_s)),
                    "drawn": 2 * length,
                    "operators by": way,
                    "mean": statistics.fmean(found),
                    "spread": float(np.std(found)),
                    "beyond": sum(abs(closure) > GOAL for closure in found) / len(found),
                }
            )
    return rows


def present(rows: Sequence[dict[str, Any]]) -> str:
    """The table, and how often each way was beyond the goal."""
    columns = {
        "model": "{0[model]}",
        "threads": "{0[threads]}",
        "blocks unlike": "{0[unlike]:.1%}",
        "rounds drawn": "{0[drawn]}",
        "operators by": "{0[operators by]}",
        "mean": "{0[mean]:+.1%}",
        "spread": "{0[spread]:.1%}",
        f"beyond {GOAL:.0%}": "{0[beyond]:.1%}",
    }
    lines = [rows_as_text(rows, columns)]
    for way in dict.fromkeys(row["operators by"] for row in rows):
        beyond = statistics.fmean(row["beyond"] for row in rows if row["operators by"] == way)
        lines.append(f"operators by {way}: beyond {GOAL:.0%} in {beyond:.1%} of draws")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
