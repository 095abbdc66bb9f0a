"""``rmixer execute``."""

from __future__ import annotations

from pathlib import Path

import click

from rmixer.cli.locks import locked, sharing_option
from rmixer.cli.settings import shrinking_option
from rmixer.cli.slots import slot_options
from rmixer.cli.workloads import check_trained, trained_workload
from rmixer.errors import InputError, RunFailed
from rmixer.scheduling.wanted_slots import Wanted
from rmixer.workload.workload import Workload


@click.command()
@click.argument("what", metavar="SCHEDULE|WORKLOAD", type=click.Path(path_type=Path))
@click.option("--policy", help="Run this policy live (with a WORKLOAD).")
@slot_options()
@click.option(
    "--workload",
    type=click.Path(path_type=Path),
    help="The SCHEDULE's workload; default: that of the run folder it lies in.",
)
@shrinking_option
@sharing_option
@click.option("--out", type=click.Path(path_type=Path), help="Default: runs/<workload>-executed.")
def command(
    what: Path,
    policy: str | None,
    wanted: Wanted,
    workload: Path | None,
    settings: tuple[str, ...],
    share_machine: bool,
    out: Path | None,
) -> None:
    """Train for real: replay a schedule.json, or run a policy live on a workload. Ctrl-C ends it
    within seconds and keeps what was recorded."""
    from rmixer.policies import make_policy
    from rmixer.scheduling.schedule import read_schedule

    schedule = None
    if what.suffix == ".json":
        for option, value in (("--policy", policy), *wanted.said()):
            if value is not None:
                raise InputError(option, "", value, "none: the schedule says it already")
        schedule = read_schedule(what)
        if settings and not workload:
            allowed = "none without --workload: the run folder has the workload as it was shrunk"
            raise InputError("--set", "", settings[0], allowed)
        jobs = trained_workload(workload, settings) if workload else _workload_beside(what)
    else:
        if policy is None:
            raise InputError("rmixer execute", "--policy", "nothing", "a policy for a WORKLOAD")
        if workload is not None:
            raise InputError("--workload", "", str(workload), "none: the workload is given")
        jobs = trained_workload(what, settings)
    chosen = make_policy(policy, jobs.seed) if policy else None

    from experiments.run_files.run_folder import RunFolder
    from experiments.stages.execution import (
        ExecutionRequest,
        check_execution,
        execute_predicted,
        predict,
        prepare_data,
    )
    from experiments.stages.inputs import inputs_of
    from experiments.stages.layouts import choose_layout
    from profiles.profiler.door import check_importable
    from profiles.stored.store import Store
    from rmixer.cli.bars import bar
    from rmixer.cli.console import report
    from rmixer.cli.presenting import present_comparison
    from rmixer.cli.progress import watch

    path = out or Path("runs") / f"{jobs.name}-executed"
    check_importable(jobs.jobs)
    RunFolder.check_target(path)
    problem = inputs_of(jobs, None, Store(), report, "execute")
    if schedule is not None:
        schedule.check(problem.workload, problem.machine, what)
        if schedule.machine != problem.machine.name:
            report(
                f"warning: {what} was made from the profiles of {schedule.machine}; "
                f"this is {problem.machine.name}"
            )
        request = ExecutionRequest.of_schedule(problem, schedule)
    else:
        assert policy is not None
        assert chosen is not None
        layout = choose_layout(problem, chosen, wanted)
        request = ExecutionRequest(problem, layout, policy)
    with locked(path, share_machine) as lock:
        lock.take()  # before it looks at the memory that is free
        check_execution(request)
        predicted = predict(request)
        prepare_data(problem.workload, bar)
        with watch(policy or str(what), len(jobs.jobs)) as observer:
            folder, executed = execute_predicted(path, request, predicted, observer, report, lock)
    if executed.interrupted:
        report(f"what was recorded is in {folder.path}")
        raise KeyboardInterrupt
    present_comparison(folder)
    failed = [f"{job.id}: {job.error}" for job in executed.summary.jobs if job.state != "done"]
    if failed:
        raise RunFailed(f"{len(failed)} job(s) failed: " + "; ".join(failed))


def _workload_beside(schedule: Path) -> Workload:
    """That of the run folder in which ``schedule`` lies."""
    from experiments.run_files.run_folder import RunFolder

    workload = RunFolder.open(schedule.parent).workload
    check_trained(workload)
    return workload
