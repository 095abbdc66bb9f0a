"""``rmixer simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from experiments.stages.asked_workload import simulated_workload
from rmixer.cli.bundled import WorkloadPath
from rmixer.cli.durations import (
    check_level,
    check_needs,
    durations_option,
    read_table,
    said_by,
)
from rmixer.cli.settings import parse_settings, what_if_option
from rmixer.cli.slots import slot_options
from rmixer.scheduling.layout import Cut
from rmixer.scheduling.wanted_slots import Wanted

Level = Literal["auto", "job", "operator"]


@click.command()
@click.argument("workload", type=WorkloadPath())
@click.option(
    "--policy", required=True, help="One of `rmixer policies`, or your own (module:Class)."
)
@slot_options()
@click.option("--machine", help="Name or folder of a measured machine. Default: this one.")
@durations_option
@click.option(
    "--level",
    type=click.Choice(["auto", "job", "operator"]),
    default="auto",
    help="By jobs, or by operators (slower). auto: by operators if mixes of jobs are short.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Default: runs/<workload>-<policy>.")
@what_if_option
@click.option("--json", "as_json", is_flag=True, help="Print summary.json.")
def command(
    workload: Path,
    policy: str,
    wanted: Wanted,
    machine: str | None,
    durations: Path | None,
    level: Level,
    out: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Predict how WORKLOAD runs with one policy. Print a table of the jobs, and write a run
    folder with summary.json, events.csv, schedule.json, trace.json and figures."""
    from rmixer.policies import make_policy

    asked = parse_settings(settings)
    table = read_table(durations, asked)
    jobs = simulated_workload(workload, asked.shrinking, machine, table)
    chosen = make_policy(policy, jobs.seed)
    if table is not None:
        check_needs(chosen, table)
        check_level(level)

    from experiments.run_files.run_folder import RunFolder
    from experiments.stages.durations import inputs_of_table
    from experiments.stages.inputs import inputs_of
    from experiments.stages.prediction import ONE_AT_A_TIME
    from experiments.stages.simulation import simulation
    from experiments.tables.simulated_table import simulated_jobs, simulated_table
    from experiments.validation.deadlines import missed
    from profiles.stored.store import Store
    from rmixer.cli.bars import bar
    from rmixer.cli.console import console, print_json, report
    from rmixer.cli.presenting import present_doubts, present_figures, saving_words
    from rmixer.display.quantities import seconds, seconds_range
    from rmixer.run_record.flow_times import flow_words

    path = out or Path("runs") / f"{jobs.name}-{policy.replace('/', '_')}"
    RunFolder.check_target(path)
    if table is None:
        problem = inputs_of(jobs, machine, Store(bar=bar), report, what_if=asked.what_if)
    else:
        problem = inputs_of_table(jobs, table, machine, wanted, report, asked.what_if)
    said = {"policy": policy, **asked.recorded, **said_by(table)}
    found = simulation(problem, chosen, wanted, level, said)
    folder = found.write(path, report)
    summary, doubtful = found.summary, found.summary.doubtful
    if as_json:
        print_json(summary)
        return
    by = f"{summary.level} level, {summary.origin} profiles of {problem.machine.in_words}"
    if table is not None:
        by = f"durations of {table.path}"
    if (interval_s := summary.makespan_interval_s) is not None:
        by = f"90%: {seconds_range(interval_s)}; {by}"
    console().print(f"predicted makespan {summary.makespan_s:.2f} s ({by})")
    alone_s = found.one_at_a_time.makespan_s
    saved = saving_words(summary.makespan_s, alone_s, doubtful)
    console().print(f"one at a time ({ONE_AT_A_TIME}): {seconds(alone_s)}; {saved}")
    console().print(simulated_table(simulated_jobs(summary.jobs, problem.by_id)))
    console().print(f"slots × threads: {Cut.of(found.schedule.settings.layout)}")
    console().print(flow_words(summary))
    present_doubts(doubtful, machine)
    for line in missed(summary, problem.workload, predicted=True):
        console().print(line)
    present_figures(folder)
