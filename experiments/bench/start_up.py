"""Measures the CPU seconds of a command that has little to do, against an older commit.

``python -m experiments.bench.start_up [--against COMMIT] [--run FOLDER] [--out FILE]``; FOLDER is
that of a finished run of models of the registry, of which a copy is shown again. Each command is a
process of its own, whose user and system time are added up with those of the processes it starts.
What is shown is the median of rounds. In a round every command is run as it is now, by the older
commit, and as it is now again; *floor* is how far the medians of the first and the second time
differ. A first round is not counted: it fills the caches of files.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich import box
from rich.table import Table

from experiments.bench.older_commit import ROOT, files_of
from experiments.bench.step_speed import as_text
from experiments.run_files.run_folder import RunFolder
from profiles.machines import limits
from rmixer.errors import InputError, RunFailed
from rmixer.files.typed_files import write_json, write_text, write_yaml
from rmixer.hardware.fingerprint import take_fingerprint
from rmixer.workload.workload import Workload

SAY_GOAL_S, SHOW_GOAL_S = 0.5, 2.0
LONGEST_S = 120.0
_TYPO = "jobs:\n  - {model: criteo_dlmr, steps: 5}\n"
_AGAIN = "run.yaml"


@dataclass(frozen=True)
class Timed:
    """The CPU seconds of a command: now, the first and the second time, and by the older commit
    (empty without one)."""

    command: str
    goal_s: float
    first_s: tuple[float, ...]
    second_s: tuple[float, ...]
    older_s: tuple[float, ...] | None

    @property
    def now_s(self) -> float:
        """The median."""
        return statistics.median((*self.first_s, *self.second_s))

    @property
    def before_s(self) -> float | None:
        """The older commit's median."""
        return statistics.median(self.older_s) if self.older_s else None

    @property
    def floor(self) -> float:
        """The relative difference between two measurements of the same command."""
        first_s, second_s = statistics.median(self.first_s), statistics.median(self.second_s)
        return abs(first_s - second_s) / min(first_s, second_s)


@click.command()
@click.option("--against", metavar="COMMIT", help="The commit to compare with.")
@click.option(
    "--run",
    "finished",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The folder of a finished run.",
)
@click.option("--rounds", type=click.IntRange(2), default=5, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write the figures here as JSON, the table as .txt.",
)
def main(against: str | None, finished: Path | None, rounds: int, out: Path | None) -> None:
    """Times the commands."""
    with tempfile.TemporaryDirectory(prefix="rmixer-") as name:
        place = Path(name)
        trees = {"now": ROOT}
        if against:
            trees["older"] = files_of(against, place / "older")
        (place / "typo.yaml").write_text(_TYPO)
        commands = _commands()
        if finished:
            workload = RunFolder.open(finished).workload
            _write(workload, place / _AGAIN)
            for tree in trees:
                shutil.copytree(finished, place / f"run-{tree}")
                _check_finished(trees[tree], place)
            commands |= {
                f"run --out RUN {_AGAIN}": SHOW_GOAL_S,
                "validate RUN": SHOW_GOAL_S,
            }
        timed = _timed(commands, trees, place, rounds)
    text = present(timed, against)
    click.echo(text)
    if out:
        fingerprint = take_fingerprint(limits.processor_name())
        rows = [asdict(each) for each in timed]
        write_json(out, {"fingerprint": asdict(fingerprint), "against": against, "commands": rows})
        write_text(out.with_suffix(".txt"), text + "\n")


def _commands() -> dict[str, float]:
    """The commands, each with the most CPU seconds that it should take."""
    typo = (
        *("run", "run --plan", "simulate --policy dyType", "sweep", "execute --policy dyType"),
        *("profile run --workload", "profile memory --workload"),
    )
    listed = ("--help", "models", "models criteo_dlrm", "policies", "data list", "machine")
    others = ("profile show criteo_dlrm --machine epyc-2c", "run nowhere.yaml", "run --nowhere")
    return dict.fromkeys((*(f"{each} typo.yaml" for each in typo), *listed, *others), SAY_GOAL_S)


def _write(workload: Workload, path: Path) -> None:
    """Writes ``workload`` as a file that gives the same jobs; raises :class:`InputError` for jobs
    of models that are not in the registry."""
    known = ("id", "model", "steps", "batch", "optimizer", "lr", "seed", "arrival_s", "data")
    jobs = []
    for job in workload.jobs:
        if not job.in_registry:
            raise InputError("--run", job.id, job.model, "a run of models of the registry")
        entry = {name: getattr(job, name) for name in (*known, "precision")}
        jobs.append(entry | ({"rows_cap": job.rows_cap} if job.rows_cap else {}))
    write_yaml(path, {"name": workload.name, "seed": workload.seed, "jobs": jobs})


def _check_finished(tree: Path, place: Path) -> None:
    """Raises :class:`RunFailed` if the code in ``tree`` would profile the models anew."""
    done = _run(["run", "--plan", _AGAIN], tree, place)
    if "nothing, all known" not in done.stdout:
        said = (done.stdout + done.stderr).strip()
        raise RunFailed(f"the run is none that {tree} would show again: {said}")


def _timed(
    commands: Mapping[str, float], trees: Mapping[str, Path], place: Path, rounds: int
) -> list[Timed]:
    turns = ("now", "older", "now") if "older" in trees else ("now", "now")
    found: dict[str, list[list[float]]] = {command: [[] for _ in turns] for command in commands}
    for number in range(rounds + 1):
        click.echo(f"round {number} of {rounds}", err=True)
        for command, seconds in found.items():
            for turn, tree in enumerate(turns):
                words = command.replace("RUN", f"run-{tree}").split()
                before_s = _children_s()
                _run(words, trees[tree], place)
                if number:
                    seconds[turn].append(_children_s() - before_s)
    return [
        Timed(
            command,
            goal_s,
            first_s=tuple(found[command][0]),
            second_s=tuple(found[command][-1]),
            older_s=tuple(found[command][1]) if "older" in trees else None,
        )
        for command, goal_s in commands.items()
    ]


def _run(words: Sequence[str], tree: Path, place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rmixer.cli", *words],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )


def _children_s() -> float:
    """CPU seconds of all processes that have ended below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def present(timed: Sequence[Timed], against: str | None) -> str:
    """The table, and the commands that miss their goals."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("command", no_wrap=True)
    for name in ("goal s", "CPU s", "floor", *((f"{against} s", "times") if against else ())):
        table.add_column(name, justify="right")
    for row in timed:
        cells = [row.command, f"{row.goal_s:.1f}", f"{row.now_s:.2f}", f"{row.floor:.1%}"]
        if row.before_s is not None:
            cells += [f"{row.before_s:.2f}", f"{row.before_s / row.now_s:.1f}"]
        table.add_row(*cells)
    missed = [row.command for row in timed if row.now_s > row.goal_s]
    return f"{as_text(table, 100)}\nabove the goal: {', '.join(missed) or 'none'}"


if __name__ == "__main__":
    main()
