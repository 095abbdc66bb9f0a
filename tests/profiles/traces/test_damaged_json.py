"""Traces that are no JSON, or of another year, of which all that matters can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gpu_trace import Event, event, two_steps, write_trace

from profiles.traces.chrome_trace import ChromeTrace, read_chrome_trace
from profiles.traces.imported import Wanted, import_trace
from profiles.traces.left_out import warnings_of
from rmixer.errors import InputError

PLACE = b'"ph": "X", "pid": 1, "tid": 1, "ts": 7, "dur": 1'
PYTHON = b'{"cat": "python_function", ' + PLACE + b', "name": "%s"}'


def with_more(path: Path, *more: bytes) -> Path:
    """The trace of two steps, with these events before all others."""
    write_trace(path, two_steps())
    text = path.read_bytes()
    begin = text.index(b'"traceEvents": [') + len(b'"traceEvents": [')
    path.write_bytes(text[:begin] + b", ".join(more) + b", " + text[begin:])
    return path


def without_python(trace: ChromeTrace) -> list[Any]:
    return [each for each in trace.events if each.category != "python_function"]


@pytest.mark.parametrize(
    "more",
    [
        PYTHON % b"a\nb\tc\x00\x1b[1m",
        PYTHON % rb"C:\Users\me\new.py(12): f",
        PYTHON % rb"ends with one\\".replace(rb"\\", b"\\"),
        PYTHON % b"caf\xe9 \xff\xfe",
        PYTHON % rb"\ud800 \u12",
        b'{"cat": "overhead", ' + PLACE + b', "name": nothing}',
    ],
)
def test_events_that_are_not_used_may_hold_anything(tmp_path: Path, more: bytes) -> None:
    expected = read_chrome_trace(write_trace(tmp_path / "plain.json", two_steps())).events
    found = read_chrome_trace(with_more(tmp_path / "t.json", more, more))
    assert without_python(found) == list(expected)


def test_a_rate_of_a_copy_that_took_no_time(tmp_path: Path) -> None:
    """It is of no use, but the copy is."""
    copy = b'{"cat": "gpu_memcpy", ' + PLACE + b', "name": "c", "args": {"bandwidth": inf}}'
    found = read_chrome_trace(with_more(tmp_path / "t.json", copy)).events
    assert [each.start_ns for each in found if each.name == "c"] == [7000]


@pytest.mark.parametrize(
    ("broken", "truncated"),
    [
        (b'{"cat": "cpu_op", ' + PLACE + b', "name": aten}', False),
        (b'{"cat": "cpu_op", "ts": 7 "dur": 1}', False),
    ],
)
def test_what_is_needed_and_broken_is_refused(
    tmp_path: Path, broken: bytes, truncated: bool
) -> None:
    with pytest.raises(InputError) as error:
        read_chrome_trace(with_more(tmp_path / "t.json", broken))
    assert ("may be truncated" in str(error.value)) == truncated


def test_a_file_is_truncated_only_where_it_ends_early(tmp_path: Path) -> None:
    """Wherever it is cut; a name that is no text is told as what it is."""
    whole = write_trace(tmp_path / "t.json", two_steps()).read_bytes()
    for length in range(2, len(whole), 31):
        (tmp_path / "cut.json").write_bytes(whole[:length])
        with pytest.raises(InputError, match="may be truncated"):
            read_chrome_trace(tmp_path / "cut.json")
    (tmp_path / "t.json").write_bytes(whole.replace(b"aten::item", b"aten::it\xffm"))
    with pytest.raises(InputError, match=r"name: found 'aten::it.udcffm'; allowed: text"):
        read_chrome_trace(tmp_path / "t.json")


def of_2021(each: Event) -> Event:
    """As torch 1.8 wrote it."""
    names = {"cpu_op": "Operator", "user_annotation": "Operator", "cuda_runtime": "Runtime"}
    names |= {"kernel": "Kernel", "gpu_memcpy": "Memcpy", "gpu_memset": "Memset"}
    args = {"Input dims" if key == "Input Dims" else key: x for key, x in each["args"].items()}
    return {**each, "cat": names.get(each["cat"], each["cat"]), "args": args}


def test_a_trace_of_2021_is_the_same_profile(tmp_path: Path) -> None:
    now = import_trace(write_trace(tmp_path / "now.json", two_steps()), "t")
    old = import_trace(write_trace(tmp_path / "old.json", [*map(of_2021, two_steps())]), "t")
    assert old.operators == now.operators
    assert (old.device, old.closure) == ("gpu", now.closure)


def test_work_is_tied_to_its_operator_by_the_number_of_2021(tmp_path: Path) -> None:
    """Where the call of the driver was not recorded."""
    events = [
        event("ProfilerStep#1", "Operator", 0.0, 100.0),
        event("aten::mm", "Operator", 10.0, 30.0, **{"External id": 5}),
        event("gemm", "Kernel", 40.0, 60.0, **{"external id": 5, "correlation": 9}),
    ]
    (row,) = import_trace(write_trace(tmp_path / "t.json", events), "t").operators
    assert (row.operator, row.lane, row.mean_us) == ("aten::mm", "gpu", 20.0)


def test_a_device_that_is_not_read_is_named(tmp_path: Path) -> None:
    steps = [each for each in two_steps() if "cuda" not in each["cat"] and each["cat"] != "kernel"]
    host = [each for each in steps if "gpu_mem" not in each["cat"]]
    more = [event("launch", "xpu_runtime", 5000.0 + at, 5001.0 + at) for at in range(3)]
    more += [event("mm", "hpu_op", 5010.0, 5020.0), event("t", "overhead", 5000.0, 5001.0)]
    path = write_trace(tmp_path / "t.json", [*host, *more])
    found = import_trace(path, "t")
    assert (found.device, found.other_devices) == ("cpu", {"xpu_runtime": 3, "hpu_op": 1})
    told = "events of the categories xpu_runtime (3), hpu_op (1) are left out, so the profile is of"
    assert any(told in text for text in warnings_of(found))
    with pytest.raises(InputError, match="3 events of the category xpu_runtime"):
        import_trace(path, "t", Wanted(strict=True))
    assert import_trace(write_trace(path, two_steps()), "t").other_devices == {}


def untimed(count: int) -> list[Event]:
    """Two steps, and kernels of which the profiler has lost when they ran."""
    lost = [event("lost", "kernel", 0.0, 0.0, correlation=900 + at) for at in range(count)]
    return [*two_steps(), *lost]


def test_kernels_without_times_are_counted_and_told(tmp_path: Path) -> None:
    """The two steps have 12 pieces of work on the GPU."""
    plain = import_trace(write_trace(tmp_path / "t.json", two_steps()), "t")
    path = write_trace(tmp_path / "t.json", untimed(2))
    found = import_trace(path, "t")
    assert (found.untimed, found.operators) == (2, plain.operators)
    assert any("2 kernels or copies at time 0" in text for text in warnings_of(found))
    with pytest.raises(InputError, match="2 events of a GPU at time 0"):
        import_trace(path, "t", Wanted(strict=True))
    write_trace(path, untimed(4))
    with pytest.raises(InputError, match="found 4 of 16 events of a GPU at time 0"):
        import_trace(path, "t")
    assert import_trace(path, "t", Wanted(partial=True)).untimed == 4


def test_what_is_told_is_kept(tmp_path: Path) -> None:
    """In a list of events, without anything around it."""
    path = tmp_path / "t.json"
    path.write_text(json.dumps(untimed(1)))
    assert import_trace(path, "t").untimed == 1
