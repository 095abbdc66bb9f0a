"""``rmixer execute``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.stages.asked_workload import check_trained, trained_workload
from rmixer.cli.bundled import WorkloadPath
from rmixer.cli.confirming import confirm, yes_option
from rmixer.cli.console import report
from rmixer.cli.ending import (
    finish,
    outlive_terminal,
    saying_how_to_resume,
    until_option,
    until_s,
)
from rmixer.cli.locks import locked, sharing_option
from rmixer.cli.settings import parse_shrinking, shrinking_option
from rmixer.cli.slots import allowance_options, slot_options
from rmixer.cli.tensorboard import check_tensorboard, tensorboard_option
from rmixer.errors import InputError
from rmixer.hardware.allowance import ALL, Allowance
from rmixer.scheduling.wanted_slots import Wanted
from rmixer.workload.workload import Workload

if TYPE_CHECKING:  # with all stages
    from experiments.run_files.run_folder import RunFolder
    from experiments.stages.execution import ExecutionRequest, Manner
    from rmixer.hardware.core_lock import CoreLock
    from rmixer.scheduling.schedule import Schedule


@click.command()
@click.argument("what", metavar="[SCHEDULE|WORKLOAD]", required=False, type=WorkloadPath())
@click.option("--resume", metavar="RUN", type=click.Path(path_type=Path), help="Resume a run.")
@click.option("--policy", help="Run WORKLOAD with this policy, without a schedule.")
@slot_options()
@click.option(
    "--workload",
    type=WorkloadPath(),
    help="The workload of the SCHEDULE. Default: the one in its run folder.",
)
@shrinking_option
@allowance_options
@until_option
@sharing_option
@tensorboard_option
@yes_option
@click.option("--out", type=click.Path(path_type=Path), help="Default: runs/<workload>-executed.")
def command(
    what: Path | None,
    resume: Path | None,
    policy: str | None,
    wanted: Wanted,
    workload: Path | None,
    settings: tuple[str, ...],
    allowance: Allowance,
    until: str | None,
    share_machine: bool,
    tensorboard: bool,
    yes: bool,
    out: Path | None,
) -> None:
    """Train for real: by SCHEDULE (a schedule.json), or WORKLOAD with a --policy. Or --resume a run
    that was interrupted.

    After Ctrl-C each job finishes its step and writes a checkpoint. A second Ctrl-C ends all jobs
    at once.
    """
    check_tensorboard(tensorboard)
    end_s = until_s(until)
    if resume is not None:
        said = {"WORKLOAD": what, "--policy": policy, "--workload": workload, "--out": out}
        said["--cores, --gpus or --leave-free"] = None if allowance == ALL else "a choice"
        said |= {"--set": settings[0] if settings else None, **dict(wanted.said())}
        for option, value in said.items():
            if value is not None:
                raise InputError(option, "", str(value), "none: the run says it already")
        outlive_terminal()
        finish(_resumed(resume, end_s, tensorboard, share_machine))
        return
    if what is None:
        allowed = "a schedule.json, a workload with --policy, or --resume RUN"
        raise InputError("rmixer execute", "", "nothing to execute", allowed)
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
        jobs = (
            trained_workload(workload, parse_shrinking(settings), report)
            if workload
            else _workload_beside(what, schedule)
        )
    else:
        if policy is None:
            raise InputError("rmixer execute", "--policy", "nothing", "a policy for a WORKLOAD")
        if workload is not None:
            raise InputError("--workload", "", str(workload), "none: the workload is given")
        jobs = trained_workload(what, parse_shrinking(settings), report)
    chosen = make_policy(policy, jobs.seed) if policy else None

    from experiments.run_files.run_folder import RunFolder
    from experiments.stages.execution import (
        ExecutionRequest,
        Manner,
        begin,
        check_execution,
        predict,
        prepare_data,
    )
    from experiments.stages.inputs import inputs_of
    from experiments.stages.layouts import choose_layout
    from experiments.stages.machine_in_use import use_of
    from experiments.stages.prediction import doubts
    from experiments.validation.deadlines import missed
    from profiles.profiler.door import check_importable
    from profiles.stored.store import Store
    from rmixer.cli.bars import bar

    path = out or Path("runs") / f"{jobs.name}-executed"
    check_importable(jobs.jobs)
    RunFolder.check_target(path)
    sized = schedule is not None and bool(schedule.batches)
    found = inputs_of(jobs, None, Store(bar=bar), report, batches=sized)
    problem = replace(found, machine=allowance.of(found.machine))
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
    outlive_terminal()
    with saying_how_to_resume(path), locked(path, share_machine) as lock:
        lock.take()  # before it looks at the memory that is free
        check_execution(request)
        predicted = predict(request)
        prepare_data(request.problem.workload, bar)
        report(use_of(problem.machine))
        for line in missed(predicted.summary, problem.workload, predicted=True):
            report(line)
        if doubtful := doubts(request.problem.profiles, predicted.summary):
            confirm(doubtful, yes)
        folder = begin(path, request, predicted, report, lock)
        _carry_out(folder, request, Manner(end_s, tensorboard=tensorboard), lock)
    finish(folder)


def _resumed(path: Path, end_s: float | None, tensorboard: bool, share_machine: bool) -> RunFolder:
    """Resumes the run in ``path``, which any command may have begun."""
    from experiments.run_files.run_folder import RunFolder
    from experiments.stages import pipeline
    from experiments.stages.execution import Manner, check_execution
    from experiments.stages.resuming import begun_by, is_over, request_of, was_verified
    from profiles.profiler.door import check_importable
    from profiles.stored.store import Store
    from rmixer.cli.bars import bar
    from rmixer.cli.progress import voice

    manner = Manner(end_s, tensorboard=tensorboard)
    folder = RunFolder.open(path)
    by, workload = begun_by(folder), folder.asked
    check_trained(workload)
    with saying_how_to_resume(path), locked(path, share_machine) as lock:
        if by == "run":
            wish = pipeline.Wish(was_verified(folder), resume=True, manner=manner)
            return pipeline.run(workload, path, Store(bar=bar), voice(), lock, wish)
        if is_over(folder):
            report("nothing is left to do: all jobs have ended")
            return folder
        check_importable(workload.jobs)
        request = request_of(folder, Store(), report)
        lock.take()
        check_execution(request)
        _carry_out(folder, request, manner, lock)
    return folder


def _carry_out(
    folder: RunFolder, request: ExecutionRequest, manner: Manner, lock: CoreLock
) -> None:
    from experiments.run_files.run_folder import MEASURED
    from experiments.stages.execution import execute
    from rmixer.cli.progress import watch

    jobs = request.problem.jobs
    with watch(request.title, len(jobs)) as observer:
        executed = execute(folder, MEASURED, request, observer, lock, manner)
    if executed.interrupted:
        raise KeyboardInterrupt


def _workload_beside(path: Path, schedule: Schedule) -> Workload:
    """The workload of the run folder that contains ``schedule`` at ``path``: as it was asked for,
    or at the batches that were run, whichever the schedule is of."""
    from experiments.run_files.run_folder import CONFIG, RunFolder

    if not (path.parent / CONFIG).exists():
        found = f"nothing, and {path.parent.absolute()} is no run folder"
        raise InputError("--workload", "", found, f"the workload that {path.name} was made for")
    folder = RunFolder.open(path.parent)
    is_of_run = folder.workload.hash == schedule.workload_hash
    workload = folder.workload if is_of_run else folder.asked
    check_trained(workload)
    return workload
