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

from experiments.bench.findings import (
    Columns,
    known_profiles,
    machine_option,
    out_option,
    rows_as_text,
    tell,
)
from rmixer.model_profile.model_profile import ModelProfile

MEDIAN_GOAL, WORST_GOAL = 0.03, 0.06


@click.command()
@machine_option
@out_option
def main(machine: str | None, out: Path | None) -> None:
    """Collects and compares with the goals."""
    known, profiles = known_profiles(machine, "profiled models: `rmixer profile run MODELS`")
    rows = [row for profile in profiles for row in rows_of(profile)]
    tell(present(rows), out, {"machine": known.name, "profiles": rows})


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
    columns: Columns = {
        "model": "{0[model]}",
        **{name: f"{{0[{name}]}}" for name in ("batch", "device", "lane", "threads")},
        "mean ms": "{0[mean_ms]:.2f}",
        "± 95%": "{0[half_width]:.1%}",
        "repeated": "{0[repeatability]:.1%}",
        "rounds": lambda row: (
            f"{row['rounds']} (+{row['dropped_rounds']} out)"
            if row["dropped_rounds"]
            else str(row["rounds"])
        ),
        "far cores": lambda row: f"{row['apart']:+.1%}" if row["apart"] else "",
        "closure": "{0[closure]:+.1%}",
    }
    known = [row for row in rows if row["half_width"] <= MEDIAN_GOAL]
    lines = [rows_as_text(rows, columns), _closures("all", rows)]
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
