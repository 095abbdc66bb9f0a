"""``python -m experiments.gpu_check``: see ``docs/reference/gpu.md``."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

import click

from experiments.gpu_check.correctness import (
    absent_gpu_is_told,
    bad_loss_is_named,
    losses_agree,
    out_of_memory_is_requeued,
    resumed_is_identical,
)
from experiments.gpu_check.executions import Executions, name_of
from experiments.gpu_check.measuring import measure, profile, profiled, this_machine
from experiments.gpu_check.parts import WENT_THROUGH, Parts, versions_of
from experiments.gpu_check.setting import Plan, Setting, queue
from experiments.gpu_check.stand_ins import WHY_NOT, dry_plan
from experiments.gpu_check.trainers import Trainers
from profiles.machines.limits import usable_gpus

SLOTS = ((4, 0), (1, 0), (4, 4), (8, 0))
"""Slots of the GPU and of the CPU; the most informative first, in case time is short."""
PROFILING_SHARE = 0.5
"""The share of the remaining time for profiling."""
ENDING_S = 10.0
"""An execution begins to end this long before the time is over."""
TITLE = "What this machine's GPU does with RMixer"


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs/gpu-check"),
    show_default=True,
    help="A folder for all that is found.",
)
@click.option("--budget-s", type=click.FloatRange(min=0), default=480.0, show_default=True)
@click.option("--dry-run", is_flag=True, help="On stand-in devices: nothing is seen of a GPU.")
def main(out: Path, budget_s: float, dry_run: bool) -> None:
    """Check all that can only be tested on a machine with a GPU, and say what was verified.

    Exit code 0: nothing failed; 1: a part failed; 2: there is no GPU here.
    """
    if not dry_run and not usable_gpus():
        click.echo("error: there is no NVIDIA GPU here; allowed: --dry-run", err=True)
        sys.exit(2)
    plan = dry_plan() if dry_run else Plan(this_machine, profiled, queue(), SLOTS)
    title = f"{TITLE} ({WHY_NOT})" if dry_run else TITLE
    out.mkdir(parents=True, exist_ok=True)
    parts = Parts(out, budget_s, title, WENT_THROUGH if dry_run else "verified")
    with tempfile.TemporaryDirectory(prefix="rmixer-gpu-check-") as scratch:
        check(parts, Setting(plan, out, Path(scratch)))
    click.echo(f"\n{parts.text}\nall of it is in {out}")
    sys.exit(int(parts.failed))


def check(parts: Parts, setting: Setting) -> None:
    """Runs all parts in order; each finds out itself if something it needs is missing."""
    parts.versions = versions_of(None)
    parts.do("the machine is measured", 45, partial(measure, setting))
    parts.versions = versions_of(setting.known)
    with Trainers(setting) as trainers:
        for name, about_s, part in (
            ("a worker without a GPU says so", 10, absent_gpu_is_told),
            ("the GPU trains what the CPU trains", 25, losses_agree),
            ("a job that was stopped goes on bit by bit", 30, resumed_is_identical),
            ("a bad loss is found at the same step", 10, bad_loss_is_named),
        ):
            parts.do(name, about_s, partial(part, trainers))
    profiling_s = PROFILING_SHARE * parts.left_s
    parts.do("the models are profiled", 30, partial(profile, setting, profiling_s))
    out_of_memory = partial(out_of_memory_is_requeued, setting)
    parts.do("a job that runs out of memory is tried again with more", 25, out_of_memory)
    executions = Executions(setting)
    parts.do("the queue is predicted", 20, partial(executions.predict, setting.plan.slots))
    for cut in setting.plan.slots:
        name = name_of(*cut)
        seconds = parts.left_s - ENDING_S
        parts.do(
            f"executed: {name}",
            executions.about_s(name),
            partial(executions.execute, *cut, seconds),
        )
        parts.do(f"predicted well: {name}", 0, partial(executions.judge, *cut))


if __name__ == "__main__":
    main()
