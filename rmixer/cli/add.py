"""``rmixer add``."""

from __future__ import annotations

from pathlib import Path

import click

from experiments.stages.asked_workload import trained_workload
from rmixer.cli.bundled import WorkloadPath
from rmixer.cli.console import report
from rmixer.cli.settings import parse_shrinking, shrinking_option


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("workload", type=WorkloadPath())
@shrinking_option
def command(run: Path, workload: Path, settings: tuple[str, ...]) -> None:
    """Add the jobs of WORKLOAD to the run in the folder RUN. Their models must be profiled: that
    needs the cores, so it is not done while the run goes on. An arrival_s counts from now."""
    from rmixer.cli.asking import ask, executing_folder, present_execution

    folder = executing_folder(run)
    place = present_execution(folder)
    jobs = trained_workload(workload, parse_shrinking(settings), report).jobs

    from executor.overview.journal_view import records_in, state_of
    from experiments.stages.adding import profiled_jobs
    from experiments.stages.execution import open_questions, prepare_data
    from profiles.profiler.door import check_importable
    from rmixer.cli.bars import bar
    from rmixer.cli.console import console
    from rmixer.errors import InputError
    from rmixer.files.typed_files import plain
    from rmixer.workload.workload import Workload

    records = records_in(place)
    if records.plan is None or state_of(records) == "done":
        raise InputError(run, "", "a run that has ended", "one that goes on, or was interrupted")
    records.check_added(jobs)
    plan = records.plan
    profiled_jobs(jobs, folder.machine, plan.layout, plan.used_bytes, report)
    check_importable(jobs)
    added = Workload("added", 0, jobs)
    prepare_data(added, bar)
    for line in open_questions(added):
        report(line)
    answer = ask(place, "add", {"jobs": plain(list(jobs))}, run)
    console().print(answer, markup=False, soft_wrap=True)
