"""The use of a machine by a predicted schedule over time."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmixer.files.csv_rows import read_table
from rmixer.files.typed_files import write_text
from rmixer.run_record.run_summary import RunSummary
from rmixer.run_record.timeline import Interval, Timeline
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem
from sim.demand.resident import ON_ONE_CORE, device_kind

USE = "use.csv"
Values = NDArray[np.float64]


@dataclass(frozen=True)
class ResourceUse:
    """Stretches of constant use: ``edges_s`` are their borders, one more than there are stretches,
    in seconds from the first dispatch. Each stretch has the host ``cores`` that jobs hold, the busy
    share of each of the ``gpus``, and ``memory_bytes`` of each device, the sum of peaks. A GPU is
    missing if the busy share of one of its jobs is unknown."""

    edges_s: Values
    cores: Values
    gpus: Mapping[str, Values]
    memory_bytes: Mapping[str, Values]

    def mean(self, values: Values) -> float:
        """The mean of ``values`` over time."""
        lengths_s = np.diff(self.edges_s)
        whole_s = float(lengths_s.sum())
        return float(values @ lengths_s) / whole_s if whole_s > 0 else 0.0


_Held = tuple[float, float, float]
"""From when to when in seconds, and how much."""


def resource_use(
    problem: Problem, layout: Layout, timeline: Timeline, summary: RunSummary
) -> ResourceUse:
    """The use of the machine of ``problem`` by the simulated run of ``timeline`` and ``summary``. A
    core is held while a job's phase is on it; phases that more threads do not make shorter hold one
    core. A GPU's busy share in a stretch is the busy time of its jobs' steps alone over the length
    of the stretch, at most 1; its sum is the ``busy_fraction`` of the summary."""
    shown = [each for each in timeline if each.kind != "queued" and each.duration_s > 0]
    zero_s = min((each.start_s for each in shown), default=0.0)
    on_core: dict[int, list[_Held]] = {}
    on_gpu: dict[str, list[_Held]] = {}
    in_memory: dict[str, list[_Held]] = {}
    unknown: set[str] = set()
    threads = {job.id: job.threads for job in summary.jobs}
    for each in shown:
        start_s, end_s = each.start_s - zero_s, each.end_s - zero_s
        count = 1 if each.kind in ON_ONE_CORE else threads[each.job]
        for core in layout.cores(problem.machine, each.device, each.slot)[:count]:
            on_core.setdefault(core, []).append((start_s, end_s, 1.0))
        if device_kind(each.device) == "gpu":
            busy_s = _gpu_s(problem, each, threads[each.job])
            if busy_s is None:
                unknown.add(each.device)
            else:
                held = (start_s, end_s, busy_s / each.duration_s)
                on_gpu.setdefault(each.device, []).append(held)
    for job in summary.jobs:
        held = (job.start_s, job.end_s, float(job.peak_bytes))
        in_memory.setdefault(job.device, []).append(held)
    every = [*on_core.values(), *on_gpu.values(), *in_memory.values()]
    times_s = [time_s for group in every for *span_s, _ in group for time_s in span_s]
    edges_s = np.unique(np.round(np.array(times_s), 9))
    gpus = [device.name for device in problem.machine.devices if device.kind == "gpu"]
    cores = [np.minimum(1.0, _over_time(edges_s, held)) for held in on_core.values()]
    return ResourceUse(
        edges_s,
        np.sum(cores, axis=0) if cores else np.zeros(max(0, len(edges_s) - 1)),
        {
            name: np.minimum(1.0, _over_time(edges_s, on_gpu[name]))
            for name in gpus
            if name in on_gpu and name not in unknown
        },
        {
            device.name: _over_time(edges_s, in_memory[device.name])
            for device in problem.machine.devices
            if device.name in in_memory
        },
    )


def _gpu_s(problem: Problem, interval: Interval, threads: int) -> float | None:
    """Seconds for which the steps of ``interval`` keep the GPU busy; None if that is unknown."""
    profile = problem.by_id[interval.job].profile
    share = profile.utilisation.get("gpu")
    if share is None:
        return None
    return interval.steps * profile.step("gpu", threads).mean_us * 1e-6 * share


def _over_time(edges_s: Values, held: Sequence[_Held]) -> Values:
    """The sum of the amounts ``held`` in each stretch."""
    changes = np.zeros(len(edges_s))
    starts_s, ends_s, much = np.array(held).T
    for sign, times_s in ((1.0, starts_s), (-1.0, ends_s)):
        np.add.at(changes, np.searchsorted(edges_s, np.round(times_s, 9)), sign * much)
    return np.maximum(0.0, np.cumsum(changes)[:-1])


def write_use(folder: Path, use: ResourceUse) -> None:
    """Writes ``use.csv``: a row for each stretch."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = {"start_s": use.edges_s[:-1], "duration_s": np.diff(use.edges_s), "cores": use.cores}
    columns |= {f"busy_{name}": values for name, values in use.gpus.items()}
    columns |= {f"bytes_{name}": values for name, values in use.memory_bytes.items()}
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(f"{value:.9f}".rstrip("0").rstrip(".") for value in row)
    write_text(folder / USE, out.getvalue())


def read_use(folder: Path, devices: Sequence[str]) -> ResourceUse | None:
    """Reads ``use.csv`` in ``folder`` about ``devices``; None if there is no such file, as in runs
    of earlier releases. Raises :class:`InputError` for a damaged one."""
    path = folder / USE
    if not path.exists():
        return None
    may_have = [f"{what}_{name}" for what in ("busy", "bytes") for name in devices]
    columns: dict[str, list[float]] = {}
    for row in read_table(path, "table of use", ("start_s", "duration_s", "cores"), may_have):
        for name in row.cells:
            columns.setdefault(name, []).append(row.number(name, least=0))
    found = {name: np.array(values) for name, values in columns.items()}
    starts_s, lengths_s = (found.get(name, np.zeros(0)) for name in ("start_s", "duration_s"))
    last_s = [starts_s[-1] + lengths_s[-1]] if len(starts_s) else []
    return ResourceUse(
        np.concatenate([starts_s, last_s]),
        found.get("cores", np.zeros(0)),
        {name: found[f"busy_{name}"] for name in devices if f"busy_{name}" in found},
        {name: found[f"bytes_{name}"] for name in devices if f"bytes_{name}" in found},
    )
