"""Makes a profile from a trace that was recorded elsewhere, without the model."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profiles.traces.chrome_trace import read_chrome_trace
from profiles.traces.device_steps import TIMES
from profiles.traces.host_calls import HostCall
from profiles.traces.host_trace import HostTrace, read_host_trace, tie
from profiles.traces.lane_rows import LaneRow, Lanes
from profiles.traces.left_out import check_left_out, left_out
from profiles.traces.mean_step import Column, Signature, columns, training_of
from profiles.traces.profiler_events import INPUT_MARK
from profiles.traces.trace_checks import (
    check_launches,
    check_nesting,
    check_once,
    check_steps,
    check_tied,
    check_timed,
    check_whole,
    cut_late,
)
from profiles.traces.trace_steps import Steps, find_steps, place_of
from profiles.traces.trace_work import recorded_shapes, recorded_work
from profiles.work.operator_formulas import UNKNOWN
from rmixer.errors import InputError
from rmixer.imported.imported_profile import ImportedProfile
from rmixer.operators.operator_cost import OperatorCost

_LONG_FIRST = 5.0
"""A first step longer than this many times the median counts as different."""


@dataclass(frozen=True)
class Wanted:
    """Settings for reading a trace: its steps begin at the ``marker``, if there is one; with
    ``partial`` a partial profile is accepted; with ``strict`` a trace that would be changed is
    refused."""

    marker: str | None = None
    partial: bool = False
    strict: bool = False


def import_trace(path: Path, name: str, wanted: Wanted = Wanted()) -> ImportedProfile:
    """The profile ``name`` from the Chrome trace at ``path``, its steps found by
    :func:`profiles.traces.trace_steps.find_steps`.

    Steps whose training differs from that of most steps (an evaluation, a first step) are left out
    and counted. For an operator that steps call differently often, like those of the input, the
    rows hold the means over all of them. An operator that goes on after its step is cut at its end,
    and counted. Raises :class:`InputError` for a trace that is damaged, holds impossible times, or
    has no step and, unless a partial profile is accepted, if much of the devices' work would be in
    no row.
    """
    try:
        return _imported(path, name, wanted)
    except RecursionError:
        found, allowed = "hundreds of events within each other", "as operators call each other"
        raise InputError(path, "traceEvents", found, allowed) from None


def _imported(path: Path, name: str, wanted: Wanted) -> ImportedProfile:
    trace = read_chrome_trace(path)
    check_nesting(trace)
    check_launches(trace)
    check_once(trace)
    host = read_host_trace(trace.events)
    steps = find_steps(trace, host.calls, wanted.marker)
    check_steps(trace, steps)
    if wanted.strict:
        check_whole(trace)
    events, host, late_ns = cut_late(trace, steps, host, wanted.strict)
    by_step = _by_step(path, host, steps)
    training = [training_of(rows, host.main) for rows in by_step]
    common = _most_common(training)
    used = [at for at, rows in enumerate(by_step) if rows and training[at] == common]
    rows = [by_step[place] for place in used]
    others = [rows for at, rows in enumerate(by_step) if rows and training[at] != common]
    every = list(itertools.chain.from_iterable(rows))
    _check_one_gpu(path, every)
    used_spans = [steps.spans[place] for place in used]
    missed = left_out(events, host, steps.spans, used_spans, rows)
    if not wanted.partial:
        check_tied(trace)
        check_left_out(path, missed)
        check_timed(trace)
    spans_us = np.diff(np.array(used_spans))[:, 0] / 1e3
    p10, p50, p90 = np.quantile(spans_us, (0.1, 0.5, 0.9))
    return ImportedProfile(
        name=name,
        trace=path.name,
        trace_hash=trace.hash,
        device="gpu" if any(row.lane != "cpu" for row in every) else "cpu",
        hardware=trace.hardware,
        driver=trace.driver,
        steps_told=steps.told + _said_of(others, rows) + _said_of_first(used, spans_us),
        steps_found=len(steps.spans),
        steps_used=len(used),
        profiled_mean_us=float(spans_us.mean()),
        profiled_p10_us=float(p10),
        profiled_p50_us=float(p50),
        profiled_p90_us=float(p90),
        closure=_closure(every, float(spans_us.sum())),
        other_operators=len(host.others),
        outside_nodes=len({id(row.call) for row in every if row.call.outside_nodes}) / len(used),
        **vars(missed),
        other_devices=trace.other_devices,
        untimed=trace.untimed,
        cut_operators=len(late_ns),
        cut_most_us=max(late_ns, default=0) / 1e3,
        operators=tuple(_operators(columns(rows, host.main))),
    )


def _most_common(training: Sequence[Signature]) -> Signature:
    """The training of most steps. Steps without training do not count, unless all are without."""
    counts = Counter(filter(None, training))
    return counts.most_common(1)[0][0] if counts else ()


def _by_step(path: Path, host: HostTrace, steps: Steps) -> list[list[LaneRow]]:
    """The rows of each step that has any."""
    lanes = Lanes(steps.spans[0][0])
    calls_of: list[list[HostCall]] = [[] for _ in steps.spans]
    for call in host.calls:
        if (place := place_of(call.start_ns, steps.spans)) is not None:
            calls_of[place].append(call)
    by_step: list[list[LaneRow]] = []
    for calls, span in zip(calls_of, steps.spans, strict=True):
        tie(calls, host.main)
        by_step.append(lanes.step(calls, *span))
    if not any(by_step):
        found = f"{len(steps.spans)} steps by {steps.told} without operators"
        raise InputError(path, "steps", found, "steps in which operators were recorded")
    return by_step


def _said_of(others: Sequence[Sequence[LaneRow]], used: Sequence[Sequence[LaneRow]]) -> str:
    """A clause if the steps that are left out may be the training's as well."""
    has_optimizer = any(row.call.updates for row in used[0])
    if not has_optimizer and any(row.call.updates for rows in others for row in rows):
        return (
            "; the others have an optimizer, these have none: if gradients are accumulated, mark "
            "whole steps by `--step-marker Optimizer.step#...`"
        )
    return "; as many others ran other operators" if len(others) >= len(used) else ""


def _said_of_first(used: Sequence[int], spans_us: NDArray[np.float64]) -> str:
    """A clause if the first step ran the same operators, but far longer, for example to choose
    kernels or to allocate."""
    times = spans_us[0] / np.median(spans_us[1:]) if used[0] == 0 and len(used) > 1 else 1.0
    told = f"; the first took {times:.1f} times as long as their median, and is counted"
    return told if times > _LONG_FIRST else ""


def _check_one_gpu(path: Path, rows: Sequence[LaneRow]) -> None:
    devices = sorted({row.device for row in rows if row.lane != "cpu"})
    if len(devices) > 1:
        found = f"work on GPUs {', '.join(map(str, devices))} in a step"
        raise InputError(path, "traceEvents", found, "a step on one GPU: lanes are those of one")


def _operators(found: Sequence[Column]) -> list[OperatorCost]:
    """A row for each column, its times over all steps."""
    index: dict[int, int] = {}
    for place, (_, same) in enumerate(
        itertools.groupby(found, key=lambda each: id(each.typical.call))
    ):
        index.update((id(row.call), place) for column in same for row in column.known)
    return [_operator(index, column) for column in found]


def _operator(index: Mapping[int, int], column: Column) -> OperatorCost:
    """One row. Steps without the operator count as 0."""
    first, known = column.typical, column.known
    call = first.call
    shapes = {recorded_shapes(row.call.tree) for row in known}
    works = {recorded_work(row.call.tree) for row in known}
    # Where steps differ in them, none is that of the mean step.
    work = works.pop() if len(works) == 1 else UNKNOWN
    often = len(known) / len(column.rows)
    times = {
        name: np.array([getattr(row, f"{name}_ns") if row else 0 for row in column.rows]) / 1e3
        for name in TIMES
    }
    p10, p50, p90 = map(float, np.quantile(times["busy"], (0.1, 0.5, 0.9)))
    means: dict[str, Any] = {f"{name}_us": float(each.mean()) for name, each in times.items()}
    if first.lane == "cpu":
        means |= dict.fromkeys(("t2_us", "t3_us", "t4_us", "t5_us"))
    amounts: dict[str, Any] = {
        name: None if amount is None else round(amount * often)
        for name, amount in vars(work).items()
    }
    return OperatorCost(
        index=index[id(call)],
        phase=first.phase,
        module=call.module,
        operator="input" if call.name == INPUT_MARK else call.name,
        forward_index=index.get(id(call.forward), -1),
        shapes=shapes.pop() if len(shapes) == 1 else "",
        lane=first.lane,
        threads=0,
        p10_us=p10,
        p50_us=p50,
        p90_us=p90,
        mean_us=means.pop("busy_us"),
        launches=round(sum(row.launches for row in known) / len(column.rows)),
        **amounts,
        **means,
    )


def _closure(rows: Sequence[LaneRow], steps_us: float) -> dict[str, float]:
    """Returns the closure of the host's clock, waiting included, and of the GPU's: ``rows`` of all
    steps against the sum of their lengths."""
    host_ns = sum(row.host_ns + row.t1_ns + row.wait_ns for row in rows)
    host_ns += sum(row.busy_ns for row in rows if row.lane == "cpu")
    gpu_ns = sum(row.busy_ns + row.gap_before_ns for row in rows if row.lane == "gpu")
    lanes = {row.lane for row in rows}
    clocks = (("cpu", host_ns), ("gpu", gpu_ns))
    return {lane: ns / 1e3 / steps_us - 1.0 for lane, ns in clocks if lane in lanes}


def trace_name(path: Path) -> str:
    """A profile's name from a file's: ``dlrm.17`` of ``dlrm.17.pt.trace.json.gz``."""
    return re.sub(r"(\.pt)?(\.trace)?(\.json)?(\.gz)?$", "", path.name)
