"""``rmixer run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.stages.asked_workload import trained_workload
from rmixer.cli.bundled import WorkloadPath
from rmixer.cli.confirming import yes_option
from rmixer.cli.console import report
from rmixer.cli.ending import (
    finish,
    outlive_terminal,
    saying_how_to_resume,
    until_option,
    until_s,
)
from rmixer.cli.locks import locked, sharing_option
from rmixer.cli.numbers import FiniteRange
from rmixer.cli.searching import search_options
from rmixer.cli.settings import parse_shrinking, shrinking_option
from rmixer.cli.slots import allowance_options
from rmixer.cli.tensorboard import check_tensorboard, tensorboard_option
from rmixer.hardware.allowance import Allowance

if TYPE_CHECKING:  # with the simulator
    from sim.planning.objective import Objective


@click.command()
@click.argument("workload", type=WorkloadPath())
@click.option("--out", type=click.Path(path_type=Path), help="Default: runs/<workload>.")
@shrinking_option
@allowance_options
@until_option
@sharing_option
@tensorboard_option
@search_options(default_s=15.0)
@yes_option
@click.option(
    "--plan",
    "only_plan",
    is_flag=True,
    help="Print what would be done, and how long it takes; run nothing.",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Also execute one job at a time, and the best schedule a second time.",
)
@click.option(
    "--max-error",
    type=FiniteRange(min=0),
    help="Fail if an error (steps alone, steps together, makespan) exceeds this fraction.",
)
def command(
    workload: Path,
    out: Path | None,
    settings: tuple[str, ...],
    allowance: Allowance,
    until: str | None,
    share_machine: bool,
    tensorboard: bool,
    search_s: float,
    evaluations: int | None,
    objective: Objective,
    search_batch: bool,
    yes: bool,
    only_plan: bool,
    verify: bool,
    max_error: float | None,
) -> None:
    """Do all of it: measure missing profiles, predict all policies, search for a better schedule,
    train by the best one, and compare prediction and measurement. Called again, it skips finished
    stages and resumes an interrupted training."""
    check_tensorboard(tensorboard)
    end_s = until_s(until)
    jobs = trained_workload(workload, parse_shrinking(settings), report)

    from experiments.stages import pipeline
    from experiments.stages.execution import Manner
    from experiments.stages.search_wish import Asked
    from profiles.stored.store import Store
    from rmixer.cli.bars import bar
    from rmixer.cli.presenting import check_max_error, present_plan
    from rmixer.cli.progress import voice

    store = Store(bar=bar)
    if only_plan:
        present_plan(pipeline.plan(jobs, store, voice(), allowance), jobs)
        return
    path = out or Path("runs") / jobs.name
    outlive_terminal()
    with saying_how_to_resume(path), locked(path, share_machine) as lock:
        asked = Asked(search_s, evaluations, objective, search_batch)
        manner = Manner(end_s, tensorboard=tensorboard)
        wish = pipeline.Wish(verify, manner=manner, allowance=allowance, search=asked)
        folder = pipeline.run(jobs, path, store, voice(yes), lock, wish)
    check_max_error(finish(folder), max_error)
