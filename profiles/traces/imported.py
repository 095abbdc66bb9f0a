"""Makes a profile from a trace that was recorded elsewhere, without the model."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from profiles.traces.chrome_trace import read_chrome_trace
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
    cut_at_steps,
    late_operators,
    refuse_late,
)
from profiles.traces.trace_steps import Steps, find_steps
from profiles.traces.trace_work import KnownWork, recorded_shapes, recorded_work
from rmixer.errors import InputError
from rmixer.imported.imported_profile import ImportedProfile
from rmixer.operators.operator_cost import OperatorCost

Times = NDArray[np.float64]
_NS_IN_US = 1e3
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
    events = trace.events
    host = read_host_trace(events)
    steps = find_steps(trace, host.calls, wanted.marker)
    check_steps(trace, steps)
    late: list[tuple[HostCall, int]] = []
    if wanted.strict:
        check_whole(trace)
    while more := late_operators(steps, host.calls):  # what one calls may be late as well
        if wanted.strict:
            refuse_late(trace, steps, more)
        late += more
        events = tuple(cut_at_steps(events, more))
        host = read_host_trace(events)
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
    spans_us = np.diff(np.array(used_spans))[:, 0] / _NS_IN_US
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
        closure=_closure(rows, float(spans_us.mean())),
        other_operators=len(host.others),
        other_us=missed.others_us,
        outside_nodes=len({id(row.call) for row in every if row.call.outside_nodes}) / len(used),
        unclaimed_us=missed.device_us,
        left_out_share=missed.share,
        left_out=missed.names,
        other_devices=trace.other_devices,
        untimed=trace.untimed,
        cut_operators=len(late),
        cut_most_us=max((call.end_ns - end_ns for call, end_ns in late), default=0) / _NS_IN_US,
        operators=tuple(_operators(columns(rows, host.main))),
    )


def _most_common(training: Sequence[Signature]) -> Signature:
    """The training of most steps. Steps without training do not count, unless all are without."""
    counts = Counter(filter(None, training))
    return counts.most_common(1)[0][0] if counts else ()


def _by_step(path: Path, host: HostTrace, steps: Steps) -> list[list[LaneRow]]:
    """The rows of each step that has any."""
    lanes = Lanes(steps.spans[0][0])
    by_step: list[list[LaneRow]] = []
    for calls, span in zip(_split(host.calls, steps), steps.spans, strict=True):
        tie(calls, host.main)
        by_step.append(lanes.step(calls, *span))
    if not any(by_step):
        found = f"{len(steps.spans)} steps by {steps.told} without operators"
        raise InputError(path, "steps", found, "steps in which operators were recorded")
    return by_step


def _said_of(others: Sequence[Sequence[LaneRow]], used: Sequence[Sequence[LaneRow]]) -> str:
    """A clause if the steps that are left out may be the training's as well."""

    def has_optimizer(rows: Sequence[LaneRow]) -> bool:
        return any(row.call.updates for row in rows)

    if any(map(has_optimizer, others)) and not has_optimizer(used[0]):
        return (
            "; others have an optimizer, these have none: where gradients are accumulated, say "
            "what a step is by `--step-marker Optimizer.step#...`"
        )
    return "; as many others ran other operators" if len(others) >= len(used) else ""


def _said_of_first(used: Sequence[int], spans_us: Times) -> str:
    """A clause if the first step ran the same operators, but far longer, for example to choose
    kernels or to allocate."""
    if used[0] != 0 or len(used) == 1:
        return ""
    times = spans_us[0] / np.median(spans_us[1:])
    if times <= _LONG_FIRST:
        return ""
    return f"; the first takes {times:.1f} times as long as the median of the others, and counts"


def _check_one_gpu(path: Path, rows: Sequence[LaneRow]) -> None:
    devices = sorted({row.device for row in rows if row.lane != "cpu"})
    if len(devices) > 1:
        found = f"work on GPUs {', '.join(map(str, devices))} in a step"
        raise InputError(path, "traceEvents", found, "a step on one GPU: lanes are those of one")


def _split(calls: Sequence[HostCall], steps: Steps) -> list[list[HostCall]]:
    """The operators that begin in each step, by time."""
    split: list[list[HostCall]] = [[] for _ in steps.spans]
    place = 0
    for call in calls:
        while place < len(steps.spans) and call.start_ns >= steps.spans[place][1]:
            place += 1
        if place < len(steps.spans) and call.start_ns >= steps.spans[place][0]:
            split[place].append(call)
    return split


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
    on_device = first.lane != "cpu"
    shapes = {recorded_shapes(row.call.tree) for row in known}
    works = {recorded_work(row.call.tree) for row in known}
    # Where steps differ in them, none is that of the mean step.
    work = works.pop() if len(works) == 1 else KnownWork()
    often = len(known) / len(column.rows)
    busy_us = _times(column, "busy_ns")
    p10, p50, p90 = np.quantile(busy_us, (0.1, 0.5, 0.9))
    gaps = {f"t{n}_us": _mean_us(column, f"t{n}_ns") if on_device else None for n in range(2, 6)}
    return OperatorCost(
        index=index[id(call)],
        phase=first.phase,
        module=call.module,
        operator="input" if call.name == INPUT_MARK else call.name,
        forward_index=index.get(id(call.forward), -1),
        shapes=shapes.pop() if len(shapes) == 1 else "",
        flops=_in_mean(work.flops, often),
        read_bytes=_in_mean(work.read_bytes, often),
        written_bytes=_in_mean(work.written_bytes, often),
        lane=first.lane,
        threads=0,
        p10_us=float(p10),
        p50_us=float(p50),
        p90_us=float(p90),
        mean_us=float(busy_us.mean()),
        gap_before_us=_mean_us(column, "gap_before_ns"),
        host_us=_mean_us(column, "host_ns"),
        launches=round(sum(row.launches for row in known) / len(column.rows)),
        t1_us=_mean_us(column, "t1_ns"),
        wait_us=_mean_us(column, "wait_ns"),
        **gaps,
    )


def _in_mean(amount: int | None, often: float) -> int | None:
    """An operator's ``amount`` in the mean step, if it is called in that share of steps."""
    return None if amount is None else round(amount * often)


def _times(column: Column, name: str) -> Times:
    return np.array([getattr(row, name) if row else 0 for row in column.rows]) / _NS_IN_US


def _mean_us(column: Column, name: str) -> float:
    return float(_times(column, name).mean())


def _closure(steps: Sequence[Sequence[LaneRow]], step_us: float) -> dict[str, float]:
    """The closure of the host's clock, waiting included, and of each device lane."""
    closure = {}
    rows = list(itertools.chain.from_iterable(steps))
    for lane in ("cpu", "gpu"):
        of_lane = [row for row in rows if row.lane == lane]
        if lane == "cpu":
            total_ns = sum(row.host_ns + row.t1_ns + row.wait_ns for row in rows)
            total_ns += sum(row.busy_ns for row in of_lane)
        else:
            total_ns = sum(row.busy_ns + row.gap_before_ns for row in of_lane)
        if of_lane:
            closure[lane] = total_ns / _NS_IN_US / len(steps) / step_us - 1.0
    return closure


def trace_name(path: Path) -> str:
    """A profile's name from a file's: ``dlrm.17`` of ``dlrm.17.pt.trace.json.gz``."""
    return re.sub(r"(\.pt)?(\.trace)?(\.json)?(\.gz)?$", "", path.name)
