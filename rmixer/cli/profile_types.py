"""``rmixer profile types``."""

from __future__ import annotations

import click


@click.command()
@click.option("--machine", help="Name or folder of a measured machine. Default: this one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def types(machine: str | None, as_json: bool) -> None:
    """Job type and utilisation of every profile, compared with RMixer's assumptions."""
    from experiments.tables.job_types import type_rows, types_table
    from profiles.assembling.disturbance import report_disturbed
    from profiles.stored.provenance import report_provenance
    from profiles.stored.store import Store
    from rmixer.cli.console import console, print_json, report
    from rmixer.display.few_names import few
    from rmixer.errors import InputError
    from rmixer.models.registry import MODELS
    from rmixer.workload.cost_identity import is_present

    store = Store()
    known = store.machine(machine) if machine else store.known_machine()
    if known is None:
        allowed = "`rmixer profile run MODEL` first, or --machine NAME"
        raise InputError("rmixer profile types", "", "nothing profiled on this machine", allowed)
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
