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

from experiments.bench.findings import (
    Columns,
    known_profiles,
    machine_option,
    out_option,
    rows_as_text,
    tell,
)
from profiles.batches.batch_prediction import LeftOut, each_left_out, left_out, same_but_batch
from rmixer.display.quantities import percent
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile

GOAL = 0.08
_PLACES = ("", " (beyond)", " (two beyond)")


@click.command()
@machine_option
@out_option
def main(machine: str | None, out: Path | None) -> None:
    """Leave out, predict, compare."""
    needed = "one model at three batches: `rmixer profile run MODEL --batch B1 --batch B2 ...`"
    known, profiles = known_profiles(machine, needed)
    rows = [row for family in families(profiles) for row in compared(family, known)]
    if not rows:
        raise click.UsageError(f"machine {known.name}: no such profiles; allowed: {needed}")
    tell(present(rows), out, {"machine": known.name, "left_out": rows})


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
    columns: Columns = {
        "model": "{0[model]}",
        "batch": lambda row: f"{row['batch']}{_PLACES[row['beyond']]}",
        "from": lambda row: " ".join(map(str, row["from"])),
        "threads": "{0[threads]}",
        "predicted ms": "{0[predicted_ms]:.2f}",
        "measured ms": "{0[measured_ms]:.2f}",
        "error": "{0[error]:+.1%}",
        "repeated": lambda row: percent(row["repeatability"]),
    }
    lines = [rows_as_text(rows, columns)]
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
