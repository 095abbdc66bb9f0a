"""The quality of the search, and its distance from the best possible schedule.

``python -m experiments.bench.search [--out FOLDER]``: on the recorded GPU machine, the four queues
of 24 jobs, against all policies on all layouts, and against the lower bound; what a search of
several lengths finds; small queues against every schedule of them; and 1,000 jobs on eight GPUs.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from experiments.bench.findings import Columns, fingerprint, rows_as_text, tell
from experiments.bench.search_large import LargeCase, large_case
from experiments.bench.search_small import SmallCase, small_cases
from experiments.run_files.sweep_file import SweepRow
from experiments.stages.candidates import layout_of
from experiments.stages.inputs import inputs_of
from experiments.stages.layouts import grid
from experiments.stages.prediction import step_times_for
from experiments.stages.search_wish import SearchWish, Setting
from experiments.stages.searching import search
from experiments.stages.sweep import sweep
from profiles.stored.store import Store
from rmixer.policies import make_policy
from rmixer.policies.baselines.planned import Planned
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.wanted_slots import Wanted
from rmixer.workload.workload_file import read_workload
from sim.job_level.simulate import simulate

FOLDER = Path(__file__).resolve().parents[1]
WORKLOADS = ("balance_24", "computing_24", "memory_24", "bandwidth_24")
MACHINE = "h100-16c"
RMIXER = ("dySequ", "dyRand", "dyMemo", "dyArin", "dyType", "static", "cognn", "dyMix")
"""The job policies of RMixer; with its device policies they are its 29 policies."""


@dataclass(frozen=True)
class Queue:
    """A queue of 24 jobs: the best of RMixer's policies on all layouts, and on slots of the GPU
    alone; longest first; the best policy of all; the results of searches by their seconds, with the
    number of schedules that each evaluated; and the bound. Makespans are those of the job level."""

    workload: str
    rmixer: str
    rmixer_s: float
    rmixer_on_gpu_s: float
    lpt_s: float
    policy: str
    policy_s: float
    found_s: dict[str, float]
    evaluations: dict[str, int]
    cut: str
    bound_s: float
    held_by: str

    @property
    def best_s(self) -> float:
        """The best of all searches."""
        return min(self.found_s.values())


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="Write search.json and .txt here.")
@click.option("--seconds", default="15,300", show_default=True, help="Lengths of searches.")
@click.option("--cases", type=click.IntRange(0), default=50, show_default=True)
@click.option("--jobs", type=click.IntRange(0), default=1000, show_default=True)
@click.option("--large-seconds", type=click.IntRange(1), default=120, show_default=True)
@click.option("--workloads", default=",".join(WORKLOADS), show_default=True)
def main(
    out: Path | None, seconds: str, cases: int, jobs: int, large_seconds: int, workloads: str
) -> None:
    """Searches, and compares."""
    lengths = [float(each) for each in seconds.split(",")]
    problems = {name: _problem(name) for name in workloads.split(",")}
    queues = []
    for name, problem in problems.items():
        queues.append(_queue(name, problem, lengths))
        click.echo(f"{name}: {queues[-1]}", err=True)
    first = next(iter(problems.values()))
    small = list(small_cases(first, cases))
    models = {job.model: job for each in problems.values() for job in each.workload.jobs}
    every = [models[name] for name in sorted(models)]
    large = [large_case(every, MACHINE, jobs, large_seconds)] if jobs else []
    found = {"fingerprint": fingerprint(), "queues": queues, "small": small, "large": large}
    tell(present(queues, small, large), out and out / "search.json", found)


def _problem(name: str) -> Problem:
    path = FOLDER / "workloads" / f"{name}.yaml"
    return inputs_of(read_workload(path), MACHINE, Store(), lambda _: None)


def _queue(name: str, problem: Problem, lengths: Sequence[float]) -> Queue:
    step_times = step_times_for(problem)
    found = sweep(problem, step_times)
    rows = [row for row in found.rows if row.makespan_s is not None]
    rmixer = [row for row in rows if row.policy.partition("@")[0] in RMIXER]
    best, ours = _least(rows), _least(rmixer)
    tried = [
        (row.policy, layout_of(problem, make_policy(row.policy), row.cut))
        for row in sorted(rows, key=lambda row: row.makespan_s or 0.0)
        if not make_policy(row.policy).cuts_itself
    ]
    cuts = grid(problem, Wanted())
    setting = Setting(cuts, Wanted(), tried, found.bound.bound_s)
    found_s: dict[str, float] = {}
    judged: dict[str, int] = {}
    cut = ""
    for length in lengths:
        searched = search(problem, step_times, setting, SearchWish(length))
        schedule = searched.schedule
        layout = schedule.settings.layout
        run = simulate(problem, Planned(schedule), layout, step_times, level="job")
        if run.summary.makespan_s < min(found_s.values(), default=float("inf")):
            cut = ", ".join(f"{e.device} {e.slots} × {e.threads}" for e in layout.devices)
        found_s[f"{length:g}"] = run.summary.makespan_s
        judged[f"{length:g}"] = searched.evaluations
    return Queue(
        name,
        ours.label,
        ours.makespan_s or 0.0,
        _least([row for row in rmixer if not row.cpu_slots]).makespan_s or 0.0,
        _least([row for row in rows if row.policy.partition("@")[0] == "lpt"]).makespan_s or 0.0,
        best.label,
        best.makespan_s or 0.0,
        found_s,
        judged,
        cut,
        found.bound.bound_s,
        found.bound.in_words,
    )


def _least(rows: Sequence[SweepRow]) -> SweepRow:
    """The shortest of the rows; makespans of rough ones are corrected."""
    return min(rows, key=lambda row: row.makespan_s or 0.0)


def present(queues: Sequence[Queue], small: Sequence[SmallCase], large: Sequence[LargeCase]) -> str:
    """The results as text."""
    parts = []
    if queues:
        parts += [_queues_table(queues), *_queues_lines(queues)]
    if small:
        gaps = [each.gap for each in small]
        over = [each.best_s / each.bound_s - 1 for each in small]
        parts.append(
            f"{len(small)} queues of 4 to 7 jobs on 2 or 3 slots, against every schedule: "
            f"{statistics.fmean(gaps):.2%} longer in the mean, {max(gaps):.2%} at worst; "
            f"the best is {statistics.fmean(over):.1%} above the bound in the mean"
        )
    for each in large:
        parts.append(
            f"{each.jobs:,} jobs on 8 GPUs: longest first {each.lpt_s:.1f} s ({each.lpt_cut}), "
            f"found in {each.seconds:.0f} s {each.found_s:.1f} s, "
            f"{each.lpt_s / each.found_s - 1:+.1%} as fast, {each.evaluations:,} schedules judged; "
            f"bound {each.bound_s:.1f} s ({each.held_by})"
        )
    return "\n\n".join(parts)


def _found_s(length: str, queue: Queue) -> str:
    return f"{queue.found_s[length]:.1f}"


def _queues_table(queues: Sequence[Queue]) -> str:
    columns: Columns = {
        "queue": "{0.workload}",
        "best of RMixer's": "{0.rmixer_s:.1f}",
        "on GPU slots": "{0.rmixer_on_gpu_s:.1f}",
        "lpt": "{0.lpt_s:.1f}",
        "best policy": "{0.policy_s:.1f}",
        **{f"search {length} s": partial(_found_s, length) for length in queues[0].found_s},
        "RMixer's ÷ found": lambda each: f"{each.rmixer_s / each.best_s:.3f}",
        "lpt ÷ found": lambda each: f"{each.lpt_s / each.best_s:.3f}",
        "bound": "{0.bound_s:.1f}",
        "gap": lambda each: f"{each.best_s / each.bound_s - 1:.1%}",
        "held by": "{0.held_by}",
    }
    return rows_as_text(queues, columns, 180, words="held by")


def _queues_lines(queues: Sequence[Queue]) -> list[str]:
    def mean(ratios: Sequence[float]) -> str:
        return f"{statistics.geometric_mean(ratios):.3f}"

    lines = [
        f"RMixer's best ÷ found, geometric mean: {mean([q.rmixer_s / q.best_s for q in queues])}; "
        f"on slots of the GPU alone: {mean([q.rmixer_on_gpu_s / q.best_s for q in queues])}; "
        f"÷ bound, the most that any schedule can reach: "
        f"{mean([q.rmixer_s / q.bound_s for q in queues])}",
        f"lpt ÷ found: {mean([q.lpt_s / q.best_s for q in queues])}",
    ]
    for length in list(queues[0].found_s)[:-1]:
        last = list(queues[0].found_s)[-1]
        # Of what the longest search gains over the best policy.
        gains = [(q.policy_s - q.found_s[length], q.policy_s - q.found_s[last]) for q in queues]
        share = sum(short for short, _ in gains) / max(1e-9, sum(long for _, long in gains))
        lines.append(f"{length} s find {share:.0%} of what {last} s gain over the best policy")
    return lines


if __name__ == "__main__":
    main()
