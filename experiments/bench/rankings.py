"""Whether a sweep that solves few mixes finds what solving all of them finds.

``python -m experiments.bench.rankings [--rows FOLDER] [--out FILE]`` sweeps the queues and layouts
of :mod:`experiments.bench.policies` and compares with its rows, for which all mixes were solved.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich import box
from rich.table import Table

from experiments.bench.policies import FOLDER, SETTINGS, WORKLOADS, Setting, problem_of_setting
from experiments.bench.step_speed import as_text
from experiments.run_files.policy_rows import PolicyRow
from experiments.run_files.sweep_file import ROUGH
from experiments.stages.prediction import step_times_for
from experiments.stages.sweep import SweepWish, sweep
from rmixer.errors import InputError
from rmixer.files.typed_files import load_json, parse, write_json, write_text
from rmixer.scheduling.wanted_slots import Wanted


@dataclass(frozen=True)
class Ranking:
    """One queue on one machine: of so many ``candidates`` so many had their mixes ``solved``.
    ``all_s`` is the shortest makespan with all mixes solved, ``found_s`` that of the schedule which
    the sweep chose; ``best`` and ``found`` are their policies."""

    workload: str
    setting: str
    candidates: int
    solved: int
    best: str
    all_s: float
    found: str
    found_s: float
    sweep_s: float


@click.command()
@click.option(
    "--rows",
    type=click.Path(path_type=Path, exists=True),
    default=FOLDER / "results" / "policies" / "rows",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write JSON here, the table as .txt.")
def main(rows: Path, out: Path | None) -> None:
    """Sweep and compare."""
    rankings = []
    for setting in SETTINGS:
        for workload in WORKLOADS:
            path = rows / f"{workload}-{setting.machine}-{setting.gpus}.json"
            if not path.exists():
                allowed = "the rows of `python -m experiments.bench.policies`"
                raise InputError(path, "", "nothing", allowed)
            solved = parse(load_json(path, "rows"), tuple[PolicyRow, ...], path)
            rankings.append(_ranking(setting, workload, list(solved)))
    text = present(rankings)
    click.echo(text)
    if out:
        write_json(out, [asdict(each) for each in rankings])
        write_text(out.with_suffix(".txt"), text + "\n")


def _ranking(setting: Setting, workload: str, solved: list[PolicyRow]) -> Ranking:
    problem = problem_of_setting(setting, workload)
    cuts = setting.cuts
    wanted = Wanted(
        gpu_slots=tuple(sorted({cut.gpu_slots for cut in cuts})),
        cpu_slots=tuple(sorted({cut.cpu_slots for cut in cuts})),
        gpu_threads=(1,) if setting.gpus else None,
        cpu_threads=(1,),
    )
    begin_s = time.perf_counter()
    found = sweep(problem, step_times_for(problem), SweepWish(wanted=wanted))
    taken_s = time.perf_counter() - begin_s
    known = [row for row in solved if row.makespan_s is not None]
    best = min(known, key=lambda row: row.makespan_s or 0.0)
    return Ranking(
        workload,
        setting.name,
        candidates=len(found.rows),
        solved=sum(row.level not in (ROUGH, None) for row in found.rows),
        best=f"{best.policy}, {best.cut}",
        all_s=best.makespan_s or 0.0,
        found=found.rows[0].label,
        found_s=found.rows[0].makespan_s or 0.0,
        sweep_s=taken_s,
    )


def present(rankings: list[Ranking]) -> str:
    """The table, and by how much the worst choice is longer."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("queue", "machine", "best, all mixes solved", "chosen by the sweep"):
        table.add_column(name, no_wrap=True)
    for name in ("s", "s", "solved", "of", "sweep s"):
        table.add_column(name, justify="right")
    for each in rankings:
        table.add_row(
            each.workload,
            each.setting,
            each.best,
            each.found,
            f"{each.all_s:.2f}",
            f"{each.found_s:.2f}",
            str(each.solved),
            str(each.candidates),
            f"{each.sweep_s:.1f}",
        )
    worst = max(each.found_s / each.all_s - 1 for each in rankings)
    same = sum(each.found_s <= each.all_s * 1.01 for each in rankings)
    last = f"within 1% of the best in {same} of {len(rankings)}; at worst {worst:+.1%}"
    return f"{as_text(table, 150)}\n{last}"


if __name__ == "__main__":
    main()
