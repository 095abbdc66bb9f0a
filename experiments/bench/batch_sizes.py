"""Whether a batch size that was left out is predicted: each profiled size from the others.

``python -m experiments.bench.batch_sizes [--machine NAME] [--out FILE]``, over all models of which
the machine has profiles of three batches or more. Nothing is measured anew.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table

from experiments.bench.step_speed import as_text
from profiles.batches.batch_prediction import predict_batch, same_but_batch
from profiles.store import Store
from rmixer.files import write_json, write_text
from rmixer.machine import Machine
from rmixer.profile import ModelProfile

GOAL = 0.08


@click.command()
@click.option("--machine", help="A known machine, or its folder. Default: this one.")
@click.option("--out", type=click.Path(path_type=Path), help="Write JSON here, the table as .txt.")
def main(machine: str | None, out: Path | None) -> None:
    """Leave out, predict, compare."""
    store = Store()
    known = store.machine(machine) if machine else store.this_machine()
    found = families(store.profiles(known.name))
    rows = [row for family in found for row in left_out(family, known)]
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


def left_out(family: list[ModelProfile], machine: Machine) -> list[dict[str, Any]]:
    """A row for each member and thread count; ``error`` is (predicted - measured) / measured."""
    rows = []
    for profile in family:
        others = [other for other in family if other is not profile]
        predicted = predict_batch(others, profile.identity, machine)
        known = predicted.predicted_from
        batch = profile.identity.batch
        for cost in predicted.steps:
            measured = profile.step(cost.device, cost.threads)
            row = {
                "model": profile.identity.model,
                "batch": batch,
                "from": list(known),
                "beyond": not min(known) < batch < max(known),
                "threads": cost.threads,
                "predicted_ms": cost.mean_us / 1e3,
                "measured_ms": measured.mean_us / 1e3,
                "error": cost.mean_us / measured.mean_us - 1.0,
                "repeatability": measured.repeatability,
            }
            rows.append(row)
    return rows


def present(rows: list[dict[str, Any]]) -> str:
    """The table, and in words how many are within the goal."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", no_wrap=True)
    for name in ("batch", "from", "threads", "predicted ms", "measured ms", "error", "repeated"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row["model"],
            str(row["batch"]) + (" (beyond)" if row["beyond"] else ""),
            " ".join(map(str, row["from"])),
            str(row["threads"]),
            f"{row['predicted_ms']:.2f}",
            f"{row['measured_ms']:.2f}",
            f"{row['error']:+.1%}",
            f"{row['repeatability']:.1%}",
        )
    lines = [as_text(table, 110)]
    for threads in sorted({row["threads"] for row in rows}):
        for name, chosen in (("between", False), ("beyond", True)):
            errors = [
                abs(row["error"])
                for row in rows
                if row["beyond"] is chosen and row["threads"] == threads
            ]
            if errors:
                within = sum(error <= GOAL for error in errors)
                lines.append(
                    f"{threads} thread(s), {name} the others: median error "
                    f"{statistics.median(errors):.1%}, worst {max(errors):.1%}, {within} of "
                    f"{len(errors)} within {GOAL:.0%}"
                )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
