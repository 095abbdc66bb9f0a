"""The error of predicted batch sizes: each profiled size from the others.

``python -m experiments.bench.batch_sizes [--machine NAME] [--out FILE]``, over all models of which
the machine has profiles of three batches or more. Nothing is measured anew.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table

from experiments.bench.step_speed import as_text
from profiles.batches.batch_prediction import same_but_batch
from profiles.batches.left_out import LeftOut, each_left_out, left_out
from profiles.stored.store import Store
from rmixer.display.quantities import percent
from rmixer.files.typed_files import write_json, write_text
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile

GOAL = 0.08
_PLACES = ("", " (beyond)", " (two beyond)")


@click.command()
@click.option("--machine", help="A known machine, or its folder. Default: this one.")
@click.option("--out", type=click.Path(path_type=Path), help="Write JSON here, the table as .txt.")
def main(machine: str | None, out: Path | None) -> None:
    """Leave out, predict, compare."""
    store = Store()
    known = store.machine(machine) if machine else store.this_machine()
    found = families(store.profiles(known.name))
    rows = [row for family in found for row in compared(family, known)]
    if not rows:
        allowed = "one model at three batches: `rmixer profile run MODEL --batch B1 --batch B2 ...`"
        raise click.UsageError(f"machine {known.name}: no profiles; allowed: {allowed}")
    text = present(rows)
    click.echo(text)
    if out:
        write_json(out, {"machine": known.name, "left_out": rows})
        write_text(out.with_suffix(".txt"), text + "\n")


def families(profiles: list[ModelProfile]) -> list[list[ModelProfile]]:
    """Profiles that differ in their batch alone, in order of it; three at least."""
    found: list[list[ModelProfile]] = []
    for profile in sorted(profiles, key=lambda p: (p.identity.model, p.identity.batch)):
        for family in found:
            if same_but_batch(family[0].identity, profile.identity):
                family.append(profile)
                break
        else:
            found.append([profile])
    return [family for family in found if len(family) > 2]


def compared(family: Sequence[ModelProfile], machine: Machine) -> list[dict[str, Any]]:
    """A row for each member and count of threads, from all others; for a family of four or more
    also the first and the last without their neighbour."""
    found = list(each_left_out(family, machine))
    if len(family) > 3:
        found += [*left_out(family[0], family[2:], machine)]
        found += [*left_out(family[-1], family[:-2], machine)]
    return [
        {
            "model": each.profile.identity.model,
            "batch": each.profile.identity.batch,
            "from": list(each.known),
            "beyond": _beyond(each, [member.identity.batch for member in family]),
            "threads": each.predicted.threads,
            "predicted_ms": each.predicted.mean_us / 1e3,
            "measured_ms": each.measured.mean_us / 1e3,
            "error": each.error,
            "repeatability": how.repeatability if (how := each.measured.measurement) else None,
        }
        for each in found
    ]


def _beyond(row: LeftOut, batches: Sequence[int]) -> int:
    """The number of profiled ``batches`` between it and those that it is predicted from, 2 for
    more, 0 if it is between them."""
    batch, low, high = row.profile.identity.batch, min(row.known), max(row.known)
    return min(2, sum(batch <= each < low or high < each <= batch for each in batches))


def present(rows: list[dict[str, Any]]) -> str:
    """The table, and the number within the goal in words."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", no_wrap=True)
    for name in ("batch", "from", "threads", "predicted ms", "measured ms", "error", "repeated"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row["model"],
            f"{row['batch']}{_PLACES[row['beyond']]}",
            " ".join(map(str, row["from"])),
            str(row["threads"]),
            f"{row['predicted_ms']:.2f}",
            f"{row['measured_ms']:.2f}",
            f"{row['error']:+.1%}",
            percent(row["repeatability"]),
        )
    lines = [as_text(table, 110)]
    for threads in sorted({row["threads"] for row in rows}):
        for beyond, name in enumerate(("between the others", "beyond them", "two sizes beyond")):
            chosen = [row for row in rows if (row["beyond"], row["threads"]) == (beyond, threads)]
            if errors := [abs(row["error"]) for row in chosen]:
                within = sum(error <= GOAL for error in errors)
                lines.append(
                    f"{threads} thread(s), {name}: median error {statistics.median(errors):.1%}, "
                    f"worst {max(errors):.1%}, {within} of {len(errors)} within {GOAL:.0%}"
                )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
