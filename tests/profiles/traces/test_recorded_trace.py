"""Real traces of the profiler, read from a file and from memory, and traces that are damaged."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from gpu_trace import event, write_trace
from torch.profiler import ProfilerActivity, profile, record_function

from profiles.traces.chrome_trace import read_chrome_trace
from profiles.traces.trace_events import Arguments, TraceEvent, kineto_events
from rmixer.errors import InputError


def without_place(events: list[TraceEvent]) -> list[TraceEvent]:
    """All but what the two sources number in their own way: time's zero, threads, ids."""
    return [
        replace(e, start_ns=e.start_ns - events[0].start_ns, thread="", correlation=-1, external=-1)
        for e in events
    ]


@pytest.mark.parametrize("suffix", ["json", "json.gz"])
def test_a_file_tells_the_same_as_the_profiler_itself(tmp_path: Path, suffix: str) -> None:
    """To the nanosecond, sequence numbers and shapes included; only lists of tensors have their
    shapes in files alone."""
    layer = torch.nn.Linear(4, 2)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as observed:
        for _ in range(2):
            with record_function("ProfilerStep#1"):
                torch.cat([layer(torch.ones(3, 4)), torch.ones(3, 2)]).sum().backward()
    path = tmp_path / f"real.{suffix}"
    observed.export_chrome_trace(str(path))
    trace = read_chrome_trace(path)
    assert (trace.hardware, trace.driver) == (None, None)
    own = sorted(
        kineto_events(observed.profiler.kineto_results.events()),
        key=lambda found: (found.start_ns, -found.duration_ns),
    )
    from_file = without_place(list(trace.events))
    lists = [
        found.arguments.shapes
        for found in from_file
        if "TensorList" in (found.arguments.types or ())
    ]
    assert lists == [(((3, 2), (3, 2)), ())] * 2
    assert [plain_shapes(found) for found in from_file] == [
        plain_shapes(found) for found in without_place(own)
    ]


def plain_shapes(found: TraceEvent) -> TraceEvent:
    """Without the shapes of lists, and what only files have of arguments; no arguments at all are
    told as none recorded."""
    given = found.arguments
    if not given.types:
        return replace(found, arguments=Arguments())
    shapes = [
        () if kind == "TensorList" else shape
        for kind, shape in zip(given.types, given.shapes or (), strict=True)
    ]
    return replace(found, arguments=Arguments(tuple(shapes), given.types))


def test_nanoseconds_since_1970_stay_exact(tmp_path: Path) -> None:
    """A float has room for 16 digits, and here are 19."""
    path = tmp_path / "exact.json"
    head = '{"traceEvents": [{"ph": "X", "cat": "cpu_op", "name": "aten::add", "pid": 1, "tid": 1'
    path.write_text(head + ', "ts": 1763850000000000.123, "dur": 0.001}]}')
    (only,) = read_chrome_trace(path).events
    assert (only.start_ns, only.duration_ns) == (1763850000000000123, 1)


def changed(**changes: Any) -> dict[str, Any]:
    made = {**event("aten::mm", "cpu_op", 1.0, 3.0), **changes}
    return {key: value for key, value in made.items() if value is not ...}


def test_what_a_terminal_would_obey_is_written_out(tmp_path: Path) -> None:
    name = "my\x1b[2J layer\r\u202e\u00e9"
    events = [event(name, "cpu_op", 0.0, 1.0), event("\x07", "cpu_op", 2.0, -1.0)]
    path = write_trace(tmp_path / "t.json", events[:1])
    (found,) = read_chrome_trace(path).events
    assert found.name == "my\\x1b[2J layer\\r\\u202e\u00e9"
    with pytest.raises(InputError) as error:
        read_chrome_trace(write_trace(tmp_path / "t.json", events))
    assert r"dur (\x07): found -3.0" in str(error.value)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (changed(dur=-3), "traceEvents.1.dur (aten::mm): found -3; allowed: a number of micro"),
        (changed(ts=-0.5), "traceEvents.1.ts (aten::mm): found -0.5; allowed: a number of micro"),
        (changed(dur=...), "traceEvents.1.dur (aten::mm): found nothing; allowed: a number of mi"),
        (changed(dur="long"), "traceEvents.1.dur (aten::mm): found 'long'; allowed: a number of "),
        (changed(dur=True), "traceEvents.1.dur (aten::mm): found true; allowed: a number of micr"),
        (changed(dur=1e300), "traceEvents.1.dur (aten::mm): found 1E+300; allowed: a number of m"),
        (changed(dur=float("nan")), "traceEvents.1.dur (aten::mm): found NaN; allowed: a number "),
        (changed(ts=float("-inf")), "traceEvents.1.ts (aten::mm): found -Infinity; allowed: a nu"),
        (
            changed(args={"Sequence number": float("inf")}),
            "traceEvents.1.args.Sequence number: found Infinity; allowed: a whole number",
        ),
        (changed(cat=["cpu_op"]), "traceEvents.1.cat: found ['cpu_op']; allowed: the name of a c"),
        (changed(name=7), "traceEvents.1.name: found 7; allowed: the name of an event"),
        (changed(args=[1]), "traceEvents.1.args: found [1]; allowed: a mapping"),
        (
            changed(args={"Sequence number": "x"}),
            "traceEvents.1.args.Sequence number: found 'x'; allowed: a whole number",
        ),
        (
            changed(args={"Input Dims": [[1]], "Input type": []}),
            "traceEvents.1.args.Input Dims: found [[1]]; allowed: a list as long as Input type",
        ),
        (
            changed(args={"Input Dims": [[-1]], "Input type": ["float"]}),
            "traceEvents.1.args.Input Dims: found -1; allowed: whole numbers >= 0",
        ),
        (
            changed(args={"Input Dims": [[[2], 3]], "Input type": ["TensorList"]}),
            "traceEvents.1.args.Input Dims: found 3; allowed: a list of whole numbers",
        ),
        (
            changed(args={"Input Dims": [3], "Input type": ["float"]}),
            "traceEvents.1.args.Input Dims: found 3; allowed: a list of whole numbers",
        ),
        (
            changed(cat="kernel", args={"device": -1}),
            "traceEvents.1.args.device: found -1; allowed: a whole number >= 0",
        ),
        (
            changed(args={"Input Dims": [[2, 10**30]], "Input type": ["float"]}),
            "traceEvents.1.args.Input Dims: found [2, 1000000000000000000000000000000]; allowed: ",
        ),
        (
            changed(args={"Input Dims": [[[1 << 25, 1 << 26]]], "Input type": ["TensorList"]}),
            "traceEvents.1.args.Input Dims: found [33554432, 67108864]; allowed: a tensor of up to",
        ),
        (changed(name="half\ud800"), "traceEvents.1.name: found 'half\\ud800'; allowed: text"),
        (5, "traceEvents.1: found 5; allowed: an event"),
    ],
)
def test_an_impossible_event_is_named(tmp_path: Path, broken: Any, message: str) -> None:
    path = write_trace(tmp_path / "t.json", [event("aten::mm", "cpu_op", 0.0, 1.0), broken])
    with pytest.raises(InputError) as error:
        read_chrome_trace(path)
    assert str(error.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: found Expecting value (the file may be truncated)"),
        (b'{"traceEvents": [{"ph": "X"', "line 1: found Expecting"),
        (b"\xff\xff", "line 1: found bytes that are not text"),
        (gzip.compress(b"{}" * 1000, mtime=0)[:-10], "found a damaged gzip file"),
        (b'{"events": []}', "traceEvents: found null; allowed: a list of events"),
        (b"[" + b"7" * 5000 + b"]", "found a number that is too long to be read"),
        (b"[1e" + b"9" * 20 + b"]", "found a number that is too long to be read"),
        (b"7", "traceEvents: found 7; allowed: a list of events"),
        (b"[]", "traceEvents: found no operators; allowed: cpu_op or kernel among them"),
        (
            json.dumps([{"ph": "X", "cat": "blink", "name": "paint", "ts": 1, "dur": 1}]).encode(),
            "traceEvents: found events of the categories blink; allowed: cpu_op or kernel",
        ),
        (
            json.dumps([{"ph": "X", "name": "aten::mm", "ts": 1, "dur": 1}]).encode(),
            "traceEvents: found events of the categories (none); allowed: cpu_op or kernel",
        ),
    ],
)
def test_what_is_no_trace_of_the_profiler(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_chrome_trace(path)
    assert str(error.value).startswith(f"{path}: {message}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file; allowed: a Chrome trace"):
        read_chrome_trace(tmp_path / "none.json")
    with pytest.raises(InputError, match="a folder; allowed: a Chrome trace"):
        read_chrome_trace(tmp_path)
