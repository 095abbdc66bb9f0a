"""The option for a table of durations, and checks of options that it excludes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from rmixer.errors import InputError
from rmixer.imported.durations import DurationTable, read_durations
from rmixer.policies import make_policy
from rmixer.scheduling.policy import Policy
from rmixer.workload.settings import Settings

durations_option = click.option(
    "--durations",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A CSV table of how long jobs take, instead of profiles (docs/how-to/replay.md).",
)


def read_table(path: Path | None, asked: Settings) -> DurationTable | None:
    """Reads the table at ``path``; None without one. Raises :class:`InputError` for errors in it,
    and for options in ``asked`` that would change the durations of jobs."""
    if path is None:
        return None
    for key, value in asked.changing_durations.items():
        allowed = "not with --durations: jobs last as long as the table says"
        raise InputError("--set", key, value, allowed)
    return read_durations(path)


def check_level(level: str) -> None:
    """Raises :class:`InputError` for a ``level`` that needs more than durations."""
    if level == "operator":
        allowed = "auto or job: a table of durations knows no operators"
        raise InputError("--level", "", level, allowed)


def check_needs(policy: Policy, table: DurationTable) -> None:
    """Raises :class:`InputError` if ``policy`` needs figures that ``table`` has no column for."""
    if missing := _missing(policy, table):
        allowed = f"the columns that {policy.origin} needs: {', '.join(sorted({*policy.needs}))}"
        raise InputError(table.path, "line 1", f"no column {', '.join(missing)}", allowed)


def able_policies(names: Sequence[str], table: DurationTable) -> tuple[tuple[str, ...], str]:
    """The policies of ``names`` for which ``table`` has all figures, and a line about the others
    ("": none)."""
    missing = {name: _missing(make_policy(name), table) for name in names}
    able = tuple(name for name in names if not missing[name])
    columns = sorted({column for name in names for column in missing[name]})
    left_out = len(names) - len(able)
    return able, f"{left_out} policies left out: they need {', '.join(columns)}" if columns else ""


def said_by(table: DurationTable | None) -> dict[str, object]:
    """The entry about durations in ``config.yaml``."""
    return {} if table is None else {"durations": table.rows}


def _missing(policy: Policy, table: DurationTable) -> list[str]:
    return sorted({*policy.needs} - {*table.columns})
