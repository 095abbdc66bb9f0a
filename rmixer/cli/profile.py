"""``rmixer profile`` and its ``run``, ``show`` and ``types``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.stages.asked_workload import profiled_jobs
from rmixer.cli.bundled import WorkloadPath
from rmixer.cli.locks import core_lock, sharing_option
from rmixer.cli.numbers import LARGEST_BATCH, FiniteRange
from rmixer.cli.profile_import import import_trace_command, show_imported
from rmixer.cli.profile_memory import memory
from rmixer.cli.settings import parse_shrinking, shrinking_option
from rmixer.errors import InputError

if TYPE_CHECKING:
    from profiles.stored.store import Store
    from rmixer.hardware.machine import Machine
    from rmixer.model_profile.model_profile import ModelProfile


@click.group()
def command() -> None:
    """Measure the training step of a model on this machine, and show it."""


command.add_command(import_trace_command)
command.add_command(memory)


@command.command()
@click.argument("models", nargs=-1)
@click.option("--workload", type=WorkloadPath(), help="Profile all models of this workload.")
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(min=1, max=LARGEST_BATCH),
    multiple=True,
    help="Instead of each model's own batch. May be given several times; other sizes can then be "
    "predicted.",
)
@click.option("--threads", help="Numbers of threads, like 1,2,4. Default: 1 and all cores.")
@click.option(
    "--precision",
    type=FiniteRange(0, 1, min_open=True),
    default=0.02,
    show_default=True,
    help="Measure until the mean step is known within this fraction.",
)
@click.option(
    "--seconds",
    type=FiniteRange(0, min_open=True),
    help="Longest time per number of threads. For a model: in each of two workers (default 2.5). "
    "For a command job: in total (default 30).",
)
@click.option(
    "--sweep-seconds",
    type=FiniteRange(0, min_open=True),
    default=20.0,
    show_default=True,
    help="Longest time to measure a model with neighbours (for a program it is part of --seconds).",
)
@click.option("--no-bubbles", is_flag=True, help="Do not measure models with neighbours.")
@shrinking_option
@click.option("--again", is_flag=True, help="Measure again, even if there is a profile.")
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
    """Measure MODELS, or all models of a workload: operators, step times, memory, phases, and how
    much jobs slow each other. Only missing profiles are measured."""
    if bool(models) == bool(workload):
        found = "MODELS and --workload" if workload else "neither MODELS nor --workload"
        raise InputError("rmixer profile run", "", found, "one of the two")
    jobs = profiled_jobs(workload or models, parse_shrinking(settings), batches)

    from experiments.stages.asked_profiling import ProfileWish, profile_asked
    from profiles.measurements.rounds import Plan
    from profiles.stored.store import Store
    from rmixer.cli.bars import bar
    from rmixer.cli.progress import voice

    plan = Plan(precision=precision, neighbours=not no_bubbles, sweep_seconds=sweep_seconds)
    if seconds is not None:
        plan = replace(plan, seconds=seconds, command_seconds=seconds)
    wish = ProfileWish(threads, plan, again)
    with core_lock(share_machine) as lock:
        profile_asked(jobs, wish, Store(bar=bar), voice(), lock)


@command.command()
@click.argument("model")
@click.option("--batch", type=click.IntRange(min=1), help="Default: the model's own batch.")
@click.option("--machine", help="Name or folder of a measured machine. Default: this one.")
@click.option("--top", default=12, type=click.IntRange(min=1), help="Number of operators to show.")
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Draw breakdown.png and roofline.png into this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every operator.")
def show(
    model: str,
    batch: int | None,
    machine: str | None,
    top: int,
    figures: Path | None,
    as_json: bool,
) -> None:
    """Show the profile of MODEL: steps, largest operators, memory, phases. MODEL may also be the
    name of a profile, of a command job's program, or of an imported profile. --figures draws the
    shares of the operators in a step, and their speed below the machine's limits."""
    from experiments.tables.profile_table import profile_table
    from profiles.assembling.disturbance import report_disturbed
    from profiles.stored.provenance import report_provenance
    from profiles.stored.store import Store
    from rmixer.cli.console import console, print_json, report
    from rmixer.files.writable import check_writable

    if show_imported(
        model, top, as_json, {"--batch": batch, "--machine": machine, "--figures": figures}
    ):
        return
    store = Store()
    known = _known_machine(store, machine, "show")
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
        else _profile_of_model(store, known.name, model, batch, other_code=bool(machine))
    )
    profile = store.settled(profile, known)
    report_provenance([profile], known, machine is None, report)
    report_disturbed([profile], report)
    if figures:
        from experiments.figures.run_figures import draw_profile

        check_writable("--figures", figures)
        others = store.other_batches(known.name, profile.identity)
        for path in draw_profile(profile, others, known, figures):
            report(f"drew {path}")
    if as_json:
        print_json(profile)
    else:
        console().print(profile_table(profile, top))


@command.command()
@click.option("--machine", help="Name or folder of a measured machine. Default: this one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def types(machine: str | None, as_json: bool) -> None:
    """Job type and utilisation of every profile, compared with RMixer's assumptions."""
    from experiments.tables.job_types import type_rows, types_table
    from profiles.assembling.disturbance import report_disturbed
    from profiles.stored.provenance import report_provenance
    from profiles.stored.store import Store
    from rmixer.cli.console import console, print_json, report
    from rmixer.display.printable import few
    from rmixer.models.registry import MODELS
    from rmixer.workload.cost_identity import is_present

    store = Store()
    known = _known_machine(store, machine, "types")
    profiles = store.profiles(known.name, report)
    if not profiles:
        allowed = "profiles (`rmixer profile run MODEL`)"
        raise InputError("rmixer profile types", "", f"nothing profiled on {known.name}", allowed)
    report_provenance(profiles, known, machine is None, report)
    report_disturbed(profiles, report)
    older = [p.key for p in profiles if p.identity.model in MODELS and not is_present(p.identity)]
    if older:
        report(f"{few(older, 1)}: profiled with an older version of the training step")
    rows = type_rows(store.settled(profile, known) for profile in profiles)
    if as_json:
        print_json(rows)
    else:
        console().print(types_table(rows, known))


def _known_machine(store: Store, machine: str | None, command: str) -> Machine:
    """The machine of that name or folder, None for this one. Raises :class:`InputError`."""
    known = store.machine(machine) if machine else store.known_machine()
    if known is None:
        where, found = f"rmixer profile {command}", "nothing profiled on this machine"
        raise InputError(where, "", found, "`rmixer profile run MODEL` first, or --machine NAME")
    return known


def _profile_of_model(
    store: Store, machine: str, model: str, batch: int | None, other_code: bool
) -> ModelProfile:
    """Finds a profile on ``machine``: the one with the name ``model``; else the one of this model
    with its defaults, or with ``batch``, with ``other_code`` also of older code; else the only one
    of this model. The last two are reported. Raises :class:`InputError`."""
    from rmixer.cli.console import report
    from rmixer.workload.workload import job_of

    named = None if "/" in model else store.find(machine, model)
    if named and batch in (None, named.identity.batch):
        return named
    job = job_of(model)
    identity = replace(job, batch=batch or job.batch).identity
    if known := store.find(machine, identity.key):
        return known
    if other_code:  # of this machine it can be taken anew
        sources = store.other_sources(machine, identity)
        older = (store.find(machine, replace(identity, source=s).key) for s in sources)
        if found := next((each for each in older if each), None):
            report(f"{found.key}: profiled with an older version of the training step")
            return found
    of_model = [p for p in store.profiles(machine) if p.identity.model == model]
    alike = [p for p in of_model if p.identity.batch == identity.batch or batch is None]
    if len(alike) == 1:
        (only,) = alike
        apart = store.stale(machine, replace(identity, batch=only.identity.batch))
        at = f" at batch {batch}" if batch else ""
        which = apart or "was taken at another batch"
        report(f"{only.key}: the only profile of {model}{at}; it {which}")
        return only
    have = ", ".join(found.key for found in of_model) or "none"
    allowed = f"one of those of {model} on {machine}: {have} (`rmixer profile run {model}`)"
    raise InputError("rmixer profile show", "", f"no profile {identity.key}", allowed)
