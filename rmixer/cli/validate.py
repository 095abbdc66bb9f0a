"""``rmixer validate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.stages.asked_workload import trained_workload
from rmixer.cli.console import console, print_json, report
from rmixer.cli.ending import outlive_terminal
from rmixer.cli.locks import locked, sharing_option
from rmixer.cli.numbers import FiniteRange
from rmixer.cli.settings import parse_shrinking, shrinking_option
from rmixer.errors import InputError
from rmixer.workload.bundled import workload_path

if TYPE_CHECKING:  # with all stages
    from experiments.validation.choice import Choice


@click.command()
@click.argument("what", metavar="RUN|WORKLOAD", type=click.Path(path_type=Path))
@click.option(
    "--max-error",
    type=FiniteRange(min=0),
    help="Fail if an error (steps alone, steps together, makespan) exceeds this fraction.",
)
@click.option(
    "--policies",
    type=click.IntRange(min=1),
    metavar="N",
    help="For a WORKLOAD: execute the N best schedules, the worst one and the baselines.",
)
@click.option(
    "--repeats", type=click.IntRange(min=2), metavar="N", help="Times to execute each (default 10)."
)
@shrinking_option
@sharing_option
@click.option("--out", type=click.Path(path_type=Path), help="Default: runs/<workload>-choice.")
@click.option("--json", "as_json", is_flag=True, help="Print compare.json, or choice.json.")
def command(
    what: Path,
    max_error: float | None,
    policies: int | None,
    repeats: int | None,
    settings: tuple[str, ...],
    share_machine: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Compare prediction and measurement of the run in the folder RUN: a table, compare.json and a
    trace of both.

    With --policies: execute several schedules of a WORKLOAD for real, repeatedly, and say if the
    simulator chose the best and ordered them correctly.
    """
    if policies is None:
        said = {"--repeats": repeats, "--set": settings[0] if settings else None, "--out": out}
        for option, value in said.items():
            if value is not None:
                raise InputError(option, "", str(value), "none without --policies N")
        from experiments.run_files.run_folder import RunFolder
        from experiments.stages.comparing import validate_run
        from experiments.tables.comparison_table import print_comparison
        from rmixer.cli.presenting import check_max_error

        if what.is_file():
            allowed = "the folder of a run; for a workload also --policies N"
            raise InputError(what, "", "a file", allowed)
        comparison = validate_run(RunFolder.open(what))
        if as_json:
            print_json(comparison)
        else:
            print_comparison(console(), comparison)
        check_max_error(comparison, max_error)
        return
    if max_error is not None:
        raise InputError("--max-error", "", str(max_error), "none with --policies")
    from experiments.tables.choice_table import choice_lines, choice_table

    choice = _race(what, settings, (policies, repeats or 10), out, share_machine)
    if as_json:
        print_json(choice)
        return
    console().print(choice_table(choice))
    for line in choice_lines(choice):
        console().print(line, soft_wrap=True)


def _race(
    path: Path,
    settings: tuple[str, ...],
    numbers: tuple[int, int],
    out: Path | None,
    share_machine: bool,
) -> Choice:
    """Executes the best schedules for the asked number of times."""
    workload = trained_workload(workload_path(path), parse_shrinking(settings), report)

    from experiments.run_files.run_folder import RunFolder, RunInputs
    from experiments.stages.execution import prepare_data
    from experiments.stages.inputs import inputs_of
    from experiments.stages.policy_race import Hall, race, runners
    from profiles.profiler.door import check_importable
    from profiles.stored.store import Store
    from rmixer.cli.bars import bar
    from rmixer.cli.progress import voice

    count, repeats = numbers
    place = out or Path("runs") / f"{workload.name}-choice"
    RunFolder.check_target(place)
    check_importable(workload.jobs)
    problem = inputs_of(workload, None, Store(), report)
    entered = runners(problem, count, voice())
    said = {"policies": count, "predictions": [each.prediction for each in entered]}
    inputs = RunInputs("validate", workload, problem.machine, said)
    outlive_terminal()
    with locked(place, share_machine) as lock:
        prepare_data(workload, bar)
        folder = RunFolder.create(place, inputs, report)
        return race(folder, problem, entered, repeats, Hall(voice(), lock))
