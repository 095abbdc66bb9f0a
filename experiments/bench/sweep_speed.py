"""How fast the simulator searches, against an older commit.

``python -m experiments.bench.sweep_speed [--against COMMIT] [--rounds N] [--out FILE]``. Each
figure is taken in processes of its own, in turn by the present code, the older, and the present
again. Shown are the median, the ratio to the older one, and *floor*, how far the two turns of the
present differ. The older commit's sweep is given up after ``--longest`` seconds.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich import box
from rich.table import Table

from experiments.bench.older_commit import ROOT, files_of
from experiments.bench.step_speed import as_text
from profiles.machines import limits
from rmixer.display.quantities import ABSENT
from rmixer.errors import RunFailed
from rmixer.files.typed_files import write_json, write_text
from rmixer.hardware.fingerprint import take_fingerprint

START = "336cf91"
"""The commit that the work on the simulator's speed started from."""
WORKLOAD, MACHINE = "balance_24", "h100-16c"
ONLY_NOW = ("judge_ms", "jobs_100000_s")
GOALS = {
    "sweep_s": ("rmixer sweep, nothing known", 60.0),
    "sweep_again_s": ("the same again, mixes on disk", 15.0),
    "live_ms": ("live policy, 24 jobs, mixes known (ms)", 4.0),
    "judge_ms": ("planned schedule, 24 jobs, mixes known (ms)", 0.03),
    "mix_ms": ("a mix of 8 on one GPU, cold (ms)", 10.0),
    "jobs_100000_s": ("100,000 jobs on 800 GPUs", 120.0),
}


@dataclass(frozen=True)
class Figure:
    """One figure in its turns; ``older`` is empty if the older code has no such thing. A turn that
    was given up is None."""

    name: str
    now: tuple[float, ...]
    now_again: tuple[float, ...]
    older: tuple[float | None, ...]

    @property
    def median(self) -> float:
        """Of all turns of the present code."""
        return statistics.median((*self.now, *self.now_again))

    @property
    def floor(self) -> float:
        """How far the two turns of the present code differ, as a fraction."""
        first, second = statistics.median(self.now), statistics.median(self.now_again)
        return abs(first - second) / min(first, second)


@click.command()
@click.option("--against", metavar="COMMIT", default=START, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--longest", type=click.IntRange(10), default=600, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write JSON here, the table as .txt.")
def main(against: str, rounds: int, longest: int, out: Path | None) -> None:
    """Measure what is in the table."""
    with tempfile.TemporaryDirectory(prefix="rmixer-") as name:
        place = Path(name)
        older = files_of(against, place / "older")
        figures = [_figure(each, older, place, rounds, longest) for each in GOALS]
    text = present(figures, against, longest)
    click.echo(text)
    if out:
        fingerprint = take_fingerprint(limits.processor_name())
        rows = [asdict(each) for each in figures]
        found = {"fingerprint": asdict(fingerprint), "against": against, "figures": rows}
        write_json(out, found)
        write_text(out.with_suffix(".txt"), text + "\n")


def _figure(name: str, older: Path, place: Path, rounds: int, longest: int) -> Figure:
    now: list[float] = []
    again: list[float] = []
    before: list[float | None] = []
    for number in range(rounds):
        click.echo(f"{name}: round {number + 1} of {rounds}", err=True)
        now.append(_taken(name, ROOT, place, 10 * longest) or 0.0)
        given_up = None in before  # once is enough to know that it takes longer
        if name not in ONLY_NOW and not given_up:
            before.append(_taken(name, older, place, longest))
        again.append(_taken(name, ROOT, place, 10 * longest) or 0.0)
    return Figure(name, tuple(now), tuple(again), tuple(before))


def _taken(name: str, tree: Path, place: Path, longest: int) -> float | None:
    """One figure by the code in ``tree``; None if it takes longer than ``longest`` seconds."""
    script = Path(__file__).with_name("sweep_speed_figures.py")
    started = subprocess.Popen(
        [sys.executable, str(script), name, str(place), tree.name],
        cwd=place,  # no other rmixer lies there, which Python would find first
        env={
            **os.environ,
            "PYTHONPATH": str(tree),
            "RMIXER_HOME": str(place / f"home-{tree.name}"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, errors = started.communicate(timeout=longest)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)  # with the command that it started
        started.communicate()
        return None
    if started.returncode:
        raise RunFailed(f"{name} by {tree} failed: {errors.strip()}")
    return float(json.loads(said.splitlines()[-1]))


def present(figures: Sequence[Figure], against: str, longest: int) -> str:
    """The table."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("figure (s, if it says nothing else)", no_wrap=True)
    for name in ("goal", "now", "floor", f"at {against}", "times"):
        table.add_column(name, justify="right")
    for each in figures:
        title, goal = GOALS[each.name]
        known = [value for value in each.older if value is not None]
        before, times = ABSENT, ABSENT
        if None in each.older:
            before, times = f"> {longest}", f"> {longest / each.median:.0f}"
        elif known:
            before = f"{statistics.median(known):.3g}"
            times = f"{statistics.median(known) / each.median:.1f}"
        table.add_row(title, f"{goal:g}", f"{each.median:.3g}", f"{each.floor:.0%}", before, times)
    return as_text(table, 110)


if __name__ == "__main__":
    main()
