"""The files of a sweep: ``sweep.json`` and ``sweep.csv``, its configurations with their simulated
figures, and ``finalists.json``, the predicted end of every job under the best policies."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rmixer.files.strict import Strict
from rmixer.files.typed_files import load_json, parse, write_json, write_text
from rmixer.scheduling.layout import Cut
from sim.planning.objective import FIGURES, Objective

if TYPE_CHECKING:  # with SciPy's solvers
    from sim.planning.lower_bound import LowerBound

SWEEP, SWEEP_CSV, FINALISTS = "sweep.json", "sweep.csv", "finalists.json"
PRECISION = 0.01
ROUGH = "rough"
_FIRST = (
    "policy",
    "gpu_slots",
    "cpu_slots",
    "gpu_threads",
    "cpu_threads",
    "seed",
    "makespan_s",
    "mean_completion_s",
    "p95_completion_s",
    "weighted_completion_s",
    "tardiness_s",
)
_LAST = ("peak_bytes", "bound_s", "gap", "level", "why", "doubtful")


@dataclass(frozen=True)
class SweepRow(Strict):
    """A policy on a layout: slots of each GPU and of the CPU, and the threads of each. ``speedup``
    is ``sequential``'s predicted makespan over this one; ``level`` the simulator's level, ``rough``
    if the figures rest on mean demand alone. Completion and waiting count from each job's arrival
    (:class:`~rmixer.run_record.flow_times.FlowTimes`); rows of earlier releases have only the mean
    completion, from the first dispatch. If it was not simulated, every figure but the bound is None
    and ``why`` gives the reason.

    ``weighted_completion_s`` and ``tardiness_s`` are None where no job has a weight or a deadline;
    ``busy`` is the busy share of each device by name, as
    :class:`~rmixer.run_record.run_summary.DeviceSummary` has it. By the objective of the sweep no
    schedule of these jobs is better than ``bound_s``; ``gap`` is what this one is above it, as a
    fraction of it, None above a bound of 0; ``held_by`` says what holds it: the longest job, the
    jobs' own lengths, the GPU, the host cores or the slots. All are None if nobody computed a
    bound. Of a ``doubtful`` row the profiles behind it are, or its 90% interval is wide
    (:mod:`rmixer.model_profile.doubts`). ``batches`` are those of jobs, by id, that have another
    batch than the workload says."""

    policy: str
    gpu_slots: int = 0
    cpu_slots: int = 0
    gpu_threads: int = 0
    cpu_threads: int = 0
    makespan_s: float | None = None
    speedup: float | None = None
    mean_completion_s: float | None = None
    peak_bytes: int | None = None
    level: str | None = None
    why: str = ""
    p95_completion_s: float | None = None
    mean_waiting_s: float | None = None
    p95_waiting_s: float | None = None
    seed: int = 0
    busy: dict[str, float | None] = field(default_factory=dict)
    bound_s: float | None = None
    gap: float | None = None
    held_by: str | None = None
    doubtful: bool = False
    weighted_completion_s: float | None = None
    tardiness_s: float | None = None
    batches: dict[str, int] = field(default_factory=dict)

    def wanted_s(self, objective: Objective) -> float | None:
        """The figure to minimise; None if it was not simulated."""
        value_s: float | None = getattr(self, FIGURES[objective])
        return value_s

    def bounded(self, bound: LowerBound, objective: Objective = "makespan") -> SweepRow:
        """The same with the bound of all schedules, and its distance from it."""
        value_s = self.wanted_s(objective)
        gap = None if value_s is None else bound.gap(value_s)
        return replace(self, bound_s=bound.bound_s, gap=gap, held_by=bound.held_by)

    def corrected(self, factor: float) -> SweepRow:
        """The same as a rough row: its times from rough step times, times ``factor``, but for the
        tardiness. A GPU has as much work as before; jobs hold the same share of the host's
        cores."""
        kept = ("bound_s", "tardiness_s")
        names = [name for name in vars(self) if name.endswith("_s") and name not in kept]
        times = {name: getattr(self, name) for name in names}
        scaled = {name: time and time * factor for name, time in times.items()}
        speedup = self.speedup and self.speedup / factor
        busy = {
            name: share if share is None or name == "cpu:0" else min(1.0, share / factor)
            for name, share in self.busy.items()
        }
        return replace(self, **scaled, speedup=speedup, busy=busy, level=ROUGH)

    @property
    def label(self) -> str:
        """``dyType, GPU 4 × 1, CPU 2 × 1``: the policy, and slots times threads."""
        return f"{self.policy}, {self.cut}"

    @property
    def cut(self) -> Cut:
        """Its slots and threads."""
        return Cut(self.gpu_slots, self.cpu_slots, self.gpu_threads, self.cpu_threads)


@dataclass(frozen=True)
class Finalist(Strict):
    """A configuration by its ``label`` (:attr:`SweepRow.label`), and the completion of each job of
    the workload in its order, from the job's arrival to its end."""

    label: str
    completions_s: tuple[float, ...]


def write_sweep_files(
    folder: Path, rows: Sequence[SweepRow], finalists: tuple[Finalist, ...]
) -> None:
    """Writes all three files."""
    write_json(folder / SWEEP, rows)
    write_text(folder / SWEEP_CSV, sweep_csv(rows))
    write_json(folder / FINALISTS, finalists)


def sweep_csv(rows: Sequence[SweepRow]) -> str:
    """The text of ``sweep.csv``, ``rows`` in their order. After the completions there is a column
    ``busy_<device>`` for each device that some row uses; an unknown figure is empty."""
    used = {name for row in rows for name in row.busy}
    devices = sorted(used, key=lambda name: (name == "cpu:0", len(name), name))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*_FIRST, *(f"busy_{name}" for name in devices), *_LAST))
    for row in rows:
        first, last = ([getattr(row, name) for name in names] for names in (_FIRST, _LAST))
        writer.writerow((*first, *(row.busy.get(name) for name in devices), *last))
    return out.getvalue()


def read_finalists(folder: Path) -> tuple[Finalist, ...]:
    """The finalists of a run folder; none if it has no such file, as in earlier releases."""
    path = folder / FINALISTS
    if not path.exists():
        return ()
    return parse(load_json(path, "list of finalists"), tuple[Finalist, ...], path)


def read_rows(folder: Path) -> list[SweepRow]:
    """Reads the ranked rows of a run folder. Returns an empty list if it holds no sweep. Rows of
    earlier releases had the slots of one kind of device: of the CPU, if anything was executed."""
    path = folder / SWEEP
    if not path.exists():
        return []
    data = load_json(path, "sweep")
    for row in data if isinstance(data, list) else ():
        if isinstance(row, dict) and "slots" in row and "threads" in row:
            row["cpu_slots"], row["cpu_threads"] = row.pop("slots"), row.pop("threads")
    return list(parse(data, tuple[SweepRow, ...], path))


def ranked(rows: Iterable[SweepRow], objective: Objective = "makespan") -> list[SweepRow]:
    """The best rows by the ``objective`` first; rows that were not simulated come last.

    Makespans within 1% of the shortest are equal to the simulator, whose rates are averaged to
    that: among these the shortest mean completion comes first. With other objectives it is the
    shortest makespan.
    """
    given = [(_figures(row, objective), row) for row in rows]
    least_s = min((first for (first, _), _ in given if first is not None), default=0.0)

    def order(figures: tuple[float | None, float | None]) -> tuple[bool, bool, float, float]:
        first, second = figures[0] or 0.0, figures[1] or 0.0
        if figures[0] is not None and first <= least_s * (1 + PRECISION):
            return (False, False, second, first)
        return (figures[0] is None, True, first, second)

    return [row for _, row in sorted(given, key=lambda pair: order(pair[0]))]


def _figures(row: SweepRow, objective: Objective) -> tuple[float | None, float | None]:
    """The figures to minimise first and second."""
    second_s = row.mean_completion_s if objective == "makespan" else row.makespan_s
    return row.wanted_s(objective), second_s
