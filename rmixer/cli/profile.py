"""``rmixer profile`` and its ``run`` and ``show``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from rmixer.cli.bundled import WorkloadPath
from rmixer.cli.locks import core_lock, sharing_option
from rmixer.cli.numbers import LARGEST_BATCH, FiniteRange, whole_numbers
from rmixer.cli.profile_import import import_trace_command, show_imported
from rmixer.cli.profile_memory import memory
from rmixer.cli.profile_types import types
from rmixer.cli.settings import parse_shrinking, shrinking_option
from rmixer.errors import InputError


@click.group()
def command() -> None:
    """Measure what a model's training step costs on this machine, and show it."""


command.add_command(import_trace_command)
command.add_command(memory)
command.add_command(types)


@command.command()
@click.argument("models", nargs=-1)
@click.option("--workload", type=WorkloadPath(), help="Profile its jobs' models.")
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(min=1, max=LARGEST_BATCH),
    multiple=True,
    help="Instead of each model's own batch; several, and those between can be predicted.",
)
@click.option("--threads", help="Thread counts, like 1,2,4. Default: 1 and all cores.")
@click.option(
    "--precision",
    type=FiniteRange(0, 1, min_open=True),
    default=0.02,
    show_default=True,
    help="Measure until the mean step is known within this fraction of it,",
)
@click.option(
    "--seconds",
    type=FiniteRange(0, min_open=True),
    help="or for so long in each of two workers a thread count (2.5 unless given). A command job: "
    "for so long in all a thread count (30).",
)
@click.option(
    "--sweep-seconds",
    type=FiniteRange(0, min_open=True),
    default=20.0,
    show_default=True,
    help="How long a model's sweep beside other work may take; a program's is within --seconds.",
)
@click.option("--no-bubbles", is_flag=True, help="Leave out how it does beside other work.")
@shrinking_option
@click.option("--again", is_flag=True, help="Profile also what is known already.")
@sharing_option
def run(
    models: tuple[str, ...],
    workload: Path | None,
    batches: tuple[int, ...],
    threads: str | None,
    precision: float,
    seconds: float | None,
    sweep_seconds: float,
    no_bubbles: bool,
    settings: tuple[str, ...],
    again: bool,
    share_machine: bool,
) -> None:
    """Profile MODELS, or the models of a workload: operators, step times, memory, phases, and how
    each suffers and causes contention. Only what is missing is measured."""
    from profiles.profiler.door import check_jobs
    from rmixer.workload.workload import Workload, job_of
    from rmixer.workload.workload_file import read_workload

    if bool(models) == bool(workload):
        found = "MODELS and --workload" if workload else "neither MODELS nor --workload"
        raise InputError("rmixer profile run", "", found, "one of the two")
    shrinking = parse_shrinking(settings)
    if workload:
        wanted = read_workload(workload)
    else:
        wanted = Workload("profile", 0, tuple(job_of(name) for name in models))
    jobs = shrinking.apply(wanted).jobs
    if batches:
        if programs := [job.id for job in jobs if job.command]:
            allowed = "none for a command job: its program decides it"
            raise InputError("--batch", programs[0], batches[0], allowed)
        jobs = tuple(replace(job, batch=batch) for job in jobs for batch in batches)
    check_jobs(jobs)

    from experiments.stages.execution import prepare_data
    from experiments.stages.profiling import (
        default_threads,
        plan_from_nothing,
        plan_profiling,
        profile_missing,
    )
    from profiles.assembling.disturbance import report_disturbed
    from profiles.machines import limits
    from profiles.measurements.rounds import Plan
    from profiles.profiler.door import check_profiling
    from profiles.stored.provenance import report_provenance
    from profiles.stored.store import Store
    from rmixer.cli.bars import bar
    from rmixer.cli.console import report
    from rmixer.files.home import check_home

    with core_lock(share_machine) as lock:
        store = Store(bar=bar)
        known_before = store.known_machine()
        cores = len(known_before.cores if known_before else limits.usable_cores())
        counts = whole_numbers(threads, "--threads", cores)
        if known_before is None:
            from_nothing = plan_from_nothing(Workload("profile", 0, jobs), cores, counts)
            check_profiling(from_nothing.parts, report)
            lock.take()
        machine = known_before or store.this_machine(report)
        counts = counts or default_threads(machine)
        measured = Plan(precision=precision, neighbours=not no_bubbles, sweep_seconds=sweep_seconds)
        if seconds is not None:
            measured = replace(measured, seconds=seconds, command_seconds=seconds)
        plan = plan_profiling(Workload("profile", 0, jobs), machine, store, counts, measured, again)
        if not again:
            known, _ = store.load(jobs, machine, counts, measured.neighbours)
            report_provenance(known.values(), machine, True, report)
            report_disturbed(known.values(), report)
        if not plan.parts:
            report("all of them are profiled already (--again measures them anew)")
            return
        check_home()
        lock.take()  # before it looks at the memory that is free
        if known_before:
            check_profiling(plan.parts, report)
        report(f"profiling {len(plan.parts)} model(s), about {plan.seconds:.0f} s")
        prepare_data(Workload("profile", 0, tuple(plan.missing)), bar)
        try:
            with bar("profiling", plan.seconds) as progress:
                profile_missing(plan, machine, store, report, progress)
        except KeyboardInterrupt:
            report("the profiles that are done are kept: the same command goes on with the others")
            raise


@command.command()
@click.argument("model")
@click.option("--batch", type=click.IntRange(min=1), help="Default: the model's own batch.")
@click.option("--machine", help="A known machine, or its folder. Default: this one.")
@click.option("--top", default=12, type=click.IntRange(min=1), help="How many operators.")
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Draw breakdown.png and roofline.png into this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, every operator included.")
def show(
    model: str,
    batch: int | None,
    machine: str | None,
    top: int,
    figures: Path | None,
    as_json: bool,
) -> None:
    """Show the profile of MODEL (or that of this name; of a command job: its program's name; or the
    name of an imported one): steps, largest operators, memory, phases. Figures: how its operators
    share a step, for every batch size that is profiled, and where they lie below the machine's
    limits."""
    from experiments.tables.profile_table import profile_table
    from profiles.assembling.disturbance import report_disturbed
    from profiles.stored.provenance import report_provenance
    from profiles.stored.store import Store
    from rmixer.cli.console import console, print_json, report
    from rmixer.cli.profile_choice import profile_of_model
    from rmixer.files.writable import check_writable

    if show_imported(
        model, top, as_json, {"--batch": batch, "--machine": machine, "--figures": figures}
    ):
        return
    store = Store()
    known = store.machine(machine) if machine else store.known_machine()
    if known is None:
        allowed = "`rmixer profile run MODEL` first, or --machine NAME"
        raise InputError("rmixer profile show", "", "nothing profiled on this machine", allowed)
    programs = store.programs(known.name, model)
    if len(programs) > 1:
        each = "; ".join(f"{found.key} ({found.identity.architecture})" for found in programs)
        allowed = f"the profile of one: {each}"
        raise InputError("rmixer profile show", "", f"{len(programs)} of {model}", allowed)
    for option, value in (("--batch", batch), ("--figures", figures)):
        if programs and value:
            allowed = "none for a command job: its batch and its operators are unknown"
            raise InputError(option, "", value, allowed)
    profile = (
        programs[0]
        if programs
        else profile_of_model(store, known.name, model, batch, other_code=bool(machine))
    )
    profile = store.settled(profile, known)
    report_provenance([profile], known, machine is None, report)
    report_disturbed([profile], report)
    if figures:
        from experiments.figures.profile_figures import draw_profile

        check_writable("--figures", figures)
        others = store.other_batches(known.name, profile.identity)
        for path in draw_profile(profile, others, known, figures):
            report(f"drew {path}")
    if as_json:
        print_json(profile)
    else:
        console().print(profile_table(profile, top))
