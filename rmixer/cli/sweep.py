"""``rmixer sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.stages.asked_workload import simulated_workload
from rmixer.cli.bundled import WorkloadPath
from rmixer.cli.durations import (
    able_policies,
    check_needs,
    durations_option,
    read_table,
    said_by,
)
from rmixer.cli.searching import search_options
from rmixer.cli.settings import parse_settings, what_if_option
from rmixer.cli.slots import slot_options
from rmixer.scheduling.wanted_slots import Wanted

if TYPE_CHECKING:  # with the simulator
    from sim.planning.objective import Objective


@click.command()
@click.argument("workload", type=WorkloadPath())
@click.option("--policies", help="Policies, like dyType,dySequ. Default: all.")
@slot_options(lists=True)
@click.option("--machine", help="Name or folder of a measured machine. Default: this one.")
@durations_option
@click.option("--out", type=click.Path(path_type=Path), help="Default: runs/<workload>-sweep.")
@what_if_option
@search_options(default_s=0.0)
@click.option("--json", "as_json", is_flag=True, help="Print the ranked rows as JSON.")
def command(
    workload: Path,
    policies: str | None,
    wanted: Wanted,
    machine: str | None,
    durations: Path | None,
    out: Path | None,
    settings: tuple[str, ...],
    search_s: float,
    evaluations: int | None,
    objective: Objective,
    search_batch: bool,
    as_json: bool,
) -> None:
    """Predict WORKLOAD with all policies, and with many numbers of slots and threads. Print a
    ranked table, and write schedule.json of the best. By default the numbers of slots are 0, powers
    of two and all cores; threads are those that are profiled. With --search, also look for a
    schedule that is better than any policy's."""
    from rmixer.policies import make_policy, policy_names

    names = policy_names(policies)
    for name in names:
        make_policy(name)
    asked = parse_settings(settings)
    table = read_table(durations, asked)
    jobs = simulated_workload(workload, asked.shrinking, machine, table)
    left_out = ""
    if table is not None and policies is None:
        names, left_out = able_policies(names, table)
    elif table is not None:
        for name in names:
            check_needs(make_policy(name), table)

    from experiments.run_files.run_folder import RunFolder
    from experiments.stages.durations import inputs_of_table
    from experiments.stages.inputs import inputs_of
    from experiments.stages.search_wish import Asked
    from experiments.stages.swept import Trials, swept
    from experiments.validation.deadlines import missed
    from profiles.stored.store import Store
    from rmixer.cli.bars import bar
    from rmixer.cli.console import console, print_json, report
    from rmixer.cli.presenting import present_figures, present_ranking, present_saving
    from rmixer.cli.progress import voice

    path = out or Path("runs") / f"{jobs.name}-sweep"
    RunFolder.check_target(path)
    wish = Asked(search_s, evaluations, objective, search_batch)
    wish.check(jobs, timed=table is not None)
    if table is None:
        store = Store(bar=bar)
        problem = inputs_of(jobs, machine, store, report, asked.what_if, batches=search_batch)
    else:
        problem = inputs_of_table(jobs, table, machine, wanted, report, asked.what_if)
    if left_out:
        report(left_out)
    trials = Trials(tuple(names), wanted, wish)
    found = swept(problem, trials, voice(), {**asked.recorded, **said_by(table)})
    folder = found.write(path, report)
    if as_json:
        print_json(found.rows)
        return
    present_ranking(found.found, found.doubtful, f" on {problem.machine.in_words}")
    present_saving(found.found, found.doubtful, machine)
    for line in missed(found.summary, problem.workload, predicted=True):
        console().print(line)
    present_figures(folder)
