"""The reliability of a machine's profiles: closure, precision, repeatability.

``python -m experiments.bench.profile_trust [--machine NAME] [--out FILE]``. Nothing is measured
anew: these are figures of the profiles themselves.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table

from experiments.bench.step_speed import as_text
from profiles.stored.store import Store
from rmixer.files.typed_files import write_json, write_text
from rmixer.model_profile.model_profile import ModelProfile

MEDIAN_GOAL, WORST_GOAL = 0.03, 0.06


@click.command()
@click.option("--machine", help="A known machine, or its folder. Default: this one.")
@click.option("--out", type=click.Path(path_type=Path), help="Write JSON here, the table as .txt.")
def main(machine: str | None, out: Path | None) -> None:
    """Collects and compares with the goals."""
    store = Store()
    known = store.machine(machine) if machine else store.this_machine()
    rows = [row for profile in store.profiles(known.name) for row in rows_of(profile)]
    if not rows:
        allowed = "profiled models: `rmixer profile run MODELS`"
        raise click.UsageError(f"machine {known.name}: no profiles; allowed: {allowed}")
    text = present(rows)
    click.echo(text)
    if out:
        write_json(out, {"machine": known.name, "profiles": rows})
        write_text(out.with_suffix(".txt"), text + "\n")


def rows_of(profile: ModelProfile) -> list[dict[str, Any]]:
    """A row for each measured step and lane that has operators."""
    return [
        {
            "model": profile.identity.model,
            "batch": profile.identity.batch,
            "device": step.device,
            "threads": step.threads,
            "lane": lane,
            "mean_ms": step.mean_us / 1e3,
            "half_width": measured.half_width,
            "repeatability": measured.repeatability,
            "rounds": measured.rounds,
            "dropped_rounds": measured.dropped_rounds,
            "stalls": measured.stalls,
            "apart": step.apart_us / step.mean_us,
            "closure": closure,
        }
        for step in profile.steps
        if (measured := step.measurement)
        for lane, closure in measured.closure.items()
    ]


def present(rows: list[dict[str, Any]]) -> str:
    """The table, and medians and worst over all of it; closure also over only those steps that are
    precise enough for it."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", no_wrap=True)
    where = ("batch", "device", "lane", "threads")
    for name in (*where, "mean ms", "± 95%", "repeated", "rounds", "far cores", "closure"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        dropped = f" (+{row['dropped_rounds']} out)" if row["dropped_rounds"] else ""
        table.add_row(
            row["model"],
            str(row["batch"]),
            row["device"],
            row["lane"],
            str(row["threads"]),
            f"{row['mean_ms']:.2f}",
            f"{row['half_width']:.1%}",
            f"{row['repeatability']:.1%}",
            f"{row['rounds']}{dropped}",
            f"{row['apart']:+.1%}" if row["apart"] else "",
            f"{row['closure']:+.1%}",
        )
    known = [row for row in rows if row["half_width"] <= MEDIAN_GOAL]
    lines = [as_text(table, 110), _closures("all", rows)]
    if len(known) < len(rows):
        which = f"the {len(known)} whose mean step is known within {MEDIAN_GOAL:.0%}"
        lines.append(_closures(which, known) if known else f"not measurable here: {which}")
    repeated = [row["repeatability"] for row in rows]
    lines.append(
        f"taken twice: median {statistics.median(repeated):.1%} apart, worst {max(repeated):.1%}"
    )
    return "\n".join(lines)


def _closures(which: str, rows: Sequence[Mapping[str, Any]]) -> str:
    found = [abs(row["closure"]) for row in rows]
    within = sum(each <= WORST_GOAL for each in found)
    return (
        f"closure of {which}: median {statistics.median(found):.1%} (goal {MEDIAN_GOAL:.0%}), "
        f"worst {max(found):.1%} (goal {WORST_GOAL:.0%}), {within} of {len(found)} within that"
    )


if __name__ == "__main__":
    main()
