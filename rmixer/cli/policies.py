"""``rmixer policies``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import click
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rmixer.cli.console import console, print_json
from rmixer.policies.described import (
    Described,
    device_rules,
    every_described,
    job_rules,
    takes_device_rule,
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every full name.")
def command(as_json: bool) -> None:
    """List the scheduling policies with their publication, settings and rules."""
    if as_json:
        print_json(every_described())
        return
    for part in listing(job_rules()):
        console().print(part)


def listing(policies: Sequence[Described]) -> Iterator[RenderableType]:
    """The output for ``policies``: a block for each source, and the device rules."""
    rules = device_rules()
    width = max(len(name) for name in (*rules, *(policy.name for policy in policies)))
    for source, group in groupby(policies, key=lambda policy: policy.source):
        block = list(group)
        shared = {_settings(policy) for policy in block} if len(block) > 1 else set()
        title = source or "of installed packages"
        if len(shared) == 1 and (settings := shared.pop()):
            yield Text(f"{title}, all with {settings}", style="bold")
            yield _block([(policy.name, policy.rule) for policy in block], width)
        else:
            yield Text(title, style="bold")
            yield _block([(policy.name, _told(policy)) for policy in block], width)
        if taking := [policy.name for policy in block if takes_device_rule(policy.name)]:
            yield Text(f"device rules, for {', '.join(taking)}", style="bold")
            yield _block(list(rules.items()), width)
            yield Text(
                f"  As {taking[-1]}@dyMemo. Without @: the rule with the policy's name, or "
                "dySequ if it has none.\n"
            )
    yield Text(
        "Settings follow a colon: dyMix:beta=2. All policies have seed=N, by default the "
        "workload's. Your own: --policy package.module:Class"
    )


def _block(rows: Sequence[tuple[str, str]], width: int) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(min_width=width + 2, no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(f"  {name}", Text(text))
    table.add_row()
    return table


def _told(policy: Described) -> str:
    settings = _settings(policy)
    return f"{policy.rule}\nsettings: {settings}" if settings else policy.rule


def _settings(policy: Described) -> str:
    return ", ".join(f"{name}={value}" for name, value in policy.settings.items())
