"""CPU seconds that a command takes where it has little to do.

``python -m experiments.bench.start_up [--rounds N] [--out FILE]``. Each command is a process of its
own, whose user and system time are added up with those of the processes it starts. What is shown is
the median of rounds; *floor* is how far the medians of the even and the odd ones differ. A first
round is not counted: it fills the caches of files.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from experiments.bench.findings import fingerprint, out_option, rows_as_text, tell

ROOT = Path(__file__).resolve().parents[2]
GOAL_S = 0.5
LONGEST_S = 120.0
_TYPO = "jobs:\n  - {model: criteo_dlmr, steps: 5}\n"


@dataclass(frozen=True)
class Timed:
    """The CPU seconds of a command in each round."""

    command: str
    rounds_s: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """Of all rounds."""
        return statistics.median(self.rounds_s)

    @property
    def floor(self) -> float:
        """The relative difference between two measurements of the same command."""
        even_s, odd_s = (statistics.median(self.rounds_s[first::2]) for first in (0, 1))
        return abs(even_s - odd_s) / min(even_s, odd_s)


@click.command()
@click.option("--rounds", type=click.IntRange(2), default=10, show_default=True)
@out_option
def main(rounds: int, out: Path | None) -> None:
    """Times the commands."""
    with tempfile.TemporaryDirectory(prefix="rmixer-") as name:
        (Path(name) / "typo.yaml").write_text(_TYPO)
        timed = _timed(_commands(), Path(name), rounds)
    columns = {"command": "{0.command}", "CPU s": "{0.median_s:.2f}", "floor": "{0.floor:.1%}"}
    missed = ", ".join(each.command for each in timed if each.median_s > GOAL_S)
    text = f"{rows_as_text(timed, columns)}\nabove the goal of {GOAL_S} s: {missed or 'none'}"
    tell(text, out, {"fingerprint": fingerprint(), "commands": timed})


def _commands() -> tuple[str, ...]:
    typo = (
        *("run", "run --plan", "simulate --policy dyType", "sweep", "execute --policy dyType"),
        *("profile run --workload", "profile memory --workload"),
    )
    listed = ("--help", "models", "models criteo_dlrm", "policies", "data list", "machine")
    others = ("profile show criteo_dlrm --machine epyc-2c", "run nowhere.yaml", "run --nowhere")
    return (*(f"{each} typo.yaml" for each in typo), *listed, *others)


def _timed(commands: Sequence[str], place: Path, rounds: int) -> list[Timed]:
    found: dict[str, list[float]] = {command: [] for command in commands}
    for number in range(rounds + 1):
        click.echo(f"round {number} of {rounds}", err=True)
        for command, seconds in found.items():
            before_s = _children_s()
            subprocess.run(
                [sys.executable, "-m", "rmixer.cli", *command.split()],
                cwd=place,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LONGEST_S,
                check=False,
            )
            if number:
                seconds.append(_children_s() - before_s)
    return [Timed(command, tuple(seconds)) for command, seconds in found.items()]


def _children_s() -> float:
    """CPU seconds of all processes that have ended below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
