"""Compares all policies: RMixer's comparison, on machines recorded here.

``python -m experiments.bench.policies [--out experiments/results/policies]``. Four queues of 24
jobs by every policy, simulated with every mix solved: on the recorded GPU machine with one, two and
four GPUs, the GPUs alone and together with the CPU, and made smaller on the recorded CPU machine.
Blocks that the folder has are not simulated again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from experiments.bench.findings import as_text
from experiments.figures import save_all
from experiments.figures.policy_comparison import (
    comparison_data,
    draw_cpu_beside_gpu,
    draw_policies_compared,
)
from experiments.run_files.policy_rows import PolicyRow
from experiments.stages.candidates import BASELINE, Trial, candidates, layout_of
from experiments.stages.inputs import inputs_of
from experiments.stages.prediction import step_times_for
from experiments.tables.policy_comparison_table import comparison_tables
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.files.typed_files import load_json, parse, write_json, write_text
from rmixer.hardware.what_if import WhatIf
from rmixer.policies import every_policy, make_policy
from rmixer.scheduling.layout import Cut
from rmixer.workload.shrinking import Shrinking
from rmixer.workload.workload_file import read_workload

WORKLOADS = ("balance_24", "bandwidth_24", "computing_24", "memory_24")
FOLDER = Path(__file__).resolve().parents[1]
WHOLE = Shrinking()


@dataclass(frozen=True)
class Setting:
    """A machine with ``gpus`` of its GPUs, the cuts to try on it, and the shrinking of the
    queues."""

    machine: str
    gpus: int
    cuts: tuple[Cut, ...]
    shrinking: Shrinking = WHOLE

    @property
    def name(self) -> str:
        """``h100-16c, 2 GPUs``."""
        return f"{self.machine}, {self.gpus} GPUs" if self.gpus else self.machine


def _cuts(slots: Sequence[int], beside: Sequence[int]) -> tuple[Cut, ...]:
    return tuple(Cut(gpu, cpu, 1, 1 if cpu else 0) for gpu in slots for cpu in beside)


SETTINGS = (
    Setting("h100-16c", 1, _cuts((4, 8), (0, 4))),
    Setting("h100-16c", 2, _cuts((3, 6), (0, 4))),
    Setting("h100-16c", 4, _cuts((2, 3), (0, 4))),
    Setting("epyc-2c", 0, (Cut(0, 1, 0, 1), Cut(0, 2, 0, 1)), Shrinking(0.1)),
)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=FOLDER / "results" / "policies")
def main(out: Path) -> None:
    """Simulates what is missing, then writes the table and the figures."""
    rows: list[PolicyRow] = []
    for setting in SETTINGS:
        for workload in WORKLOADS:
            path = out / "rows" / f"{workload}-{setting.machine}-{setting.gpus}.json"
            if path.exists():
                rows += parse(load_json(path, "rows"), tuple[PolicyRow, ...], path)
            else:
                rows += _simulated(setting, workload, path)
    text = as_text(comparison_tables(rows), 140)
    write_text(out / "policies.txt", text + "\n")
    panels = comparison_data(rows)
    figures = {
        "policies": lambda: draw_policies_compared(panels),
        "cpu_beside_gpu": lambda: draw_cpu_beside_gpu(panels),
    }
    for failure in save_all(figures, out):
        click.echo(f"figure not drawn: {failure}", err=True)
    click.echo(text)


def _simulated(setting: Setting, workload: str, path: Path) -> list[PolicyRow]:
    begin_s = time.perf_counter()
    jobs = setting.shrinking.apply(read_workload(FOLDER / "workloads" / f"{workload}.yaml"))
    what_if = WhatIf(gpus=setting.gpus) if setting.gpus > 1 else None
    problem = inputs_of(jobs, setting.machine, Store(), lambda _: None, what_if=what_if)
    if len(problem.machine.gpus) != setting.gpus:
        found = f"{len(problem.machine.gpus)} GPUs"
        raise InputError(setting.machine, "gpus", found, f"{setting.gpus} that all jobs can use")
    step_times = step_times_for(problem)
    alone = layout_of(problem, make_policy(BASELINE), setting.cuts[0])
    trial = Trial(problem, step_times, alone, "job")
    name, gpus = problem.machine.name, setting.gpus
    rows = [
        PolicyRow(
            **vars(trial.row_of(candidate, step_times)), workload=workload, machine=name, gpus=gpus
        )
        for candidate in candidates(problem, tuple(every_policy()), setting.cuts)
    ]
    write_json(path, rows)
    took_s = time.perf_counter() - begin_s
    click.echo(f"{setting.name}, {workload}: {len(rows)} rows in {took_s:.0f} s", err=True)
    return rows


if __name__ == "__main__":
    main()
