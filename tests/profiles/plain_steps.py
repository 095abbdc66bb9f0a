"""Traces of plain steps, one after another, that differ in what a test adds to each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gpu_trace import MAIN, Event, event, write_trace

STEP_US = 300.0
EVALUATE = "autograd::engine::evaluate_function: "


def recorded(name: str, start: float, end: float, number: int, tid: int = MAIN) -> Event:
    """An operator that autograd numbers."""
    return event(name, "cpu_op", start, end, tid, **{"Sequence number": number})


def node(
    name: str, start: float, end: float, number: int, tid: int = MAIN, forward: int = 1
) -> list[Event]:
    """A backward node of the operator with that number, which the thread ``forward`` called."""
    args = {"Sequence number": number, "Fwd thread id": forward}
    return [
        event(EVALUATE + name, "cpu_op", start, end, tid, **args),
        event(name, "cpu_op", start + 1.0, end - 1.0, tid, **args),
    ]


def training(number: int, tid: int = MAIN) -> list[Event]:
    """addmm 10-30, mm 62-82 in its node (60-84, on the thread ``tid``), add_ 235-250 in an
    optimizer (230-260)."""
    return [
        recorded("aten::addmm", 10.0, 30.0, number),
        *node("AddmmBackward0", 60.0, 84.0, number, tid),
        event("aten::mm", "cpu_op", 62.0, 82.0, tid),
        event("Optimizer.step#SGD.step", "user_annotation", 230.0, 260.0),
        event("aten::add_", "cpu_op", 235.0, 250.0),
    ]


def write_steps(
    path: Path, *by_step: Sequence[Event], lengths: Sequence[float] = (), marks: bool = True
) -> Path:
    """Steps that train, with more in each; as long as ``lengths`` say, of 300 us without."""
    steps = [[*training(number), *more] for number, more in enumerate(by_step)]
    return write_trace(path, in_steps(steps, lengths, marks))


def in_steps(
    steps: Sequence[Sequence[Event]], lengths: Sequence[float] = (), marks: bool = True
) -> list[Event]:
    """The events of all ``steps``, with the profiler's marks; correlations are each step's own."""
    events: list[Event] = []
    at = 1000.0
    for number, step in enumerate(steps):
        length = lengths[number] if lengths else STEP_US
        mark = event(f"ProfilerStep#{number}", "user_annotation", 0.0, length)
        for each in (*([mark] if marks else ()), *step):
            args = dict(each["args"])
            if "correlation" in args:
                args["correlation"] += 100 * number
            events.append({**each, "ts": each["ts"] + at, "args": args})
        at += length
    return events
