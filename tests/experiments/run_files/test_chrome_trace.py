"""trace.json against the rules of the Trace Event Format, as Perfetto reads them."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fake_runs import job_names, packed_run
from hypothesis import given
from hypothesis import strategies as st

from experiments.run_files.chrome_trace import to_trace, write_trace
from rmixer.run_record.timeline import Interval, Timeline

Event = dict[str, Any]


def interval(start_s: float, duration_s: float, **other: Any) -> Interval:
    """A stretch of training on the CPU, but for what is ``other`` about it."""
    row = Interval(
        "r", "din-0", 1, "amazon_din", "train", "cpu:0", 0, "cpu", start_s, duration_s, 0.0
    )
    return row._replace(**other)


def complete(trace: Event) -> list[Event]:
    return [event for event in trace["traceEvents"] if event["ph"] == "X"]


def named(trace: Event, what: str) -> dict[tuple[int, int], Any]:
    return {
        (event["pid"], event["tid"]): next(iter(event["args"].values()))
        for event in trace["traceEvents"]
        if event["ph"] == "M" and event["name"] == what
    }


@pytest.fixture
def two_runs() -> dict[str, Timeline]:
    names = job_names(6)
    _, predicted = packed_run(names, 2, run="predicted")
    _, measured = packed_run(names, 2, run="measured", noise=0.05)
    return {"predicted": predicted, "measured": measured}


def test_an_event_has_what_the_format_requires() -> None:
    (event,) = complete(to_trace({"measured": Timeline([interval(1.5, 2.0, steps=400.0)])}))
    assert event == {
        "name": "din-0",
        "cat": "train",
        "ph": "X",
        "ts": 1_500_000.0,
        "dur": 2_000_000.0,
        "pid": 1,
        "tid": 1,
        "args": {
            "job": "din-0",
            "attempt": 1,
            "steps": 400.0,
            "ms_per_step": 5.0,
            "what": "amazon_din",
        },
    }


def test_every_run_is_a_named_process_in_order(two_runs: dict[str, Timeline]) -> None:
    trace = to_trace(two_runs)
    assert named(trace, "process_name") == {(1, 0): "predicted", (2, 0): "measured"}
    assert named(trace, "process_sort_index") == {(1, 0): 1, (2, 0): 2}


def test_every_slot_is_a_named_thread_and_waiting_jobs_come_last(
    two_runs: dict[str, Timeline],
) -> None:
    trace = to_trace(two_runs)
    threads = [name for (pid, _), name in named(trace, "thread_name").items() if pid == 1]
    assert threads == ["cpu:0 slot 0", "cpu:0 slot 1", "waiting"]
    order = named(trace, "thread_sort_index")
    assert set(order) == set(named(trace, "thread_name"))
    assert all(index == tid for (_, tid), index in order.items())


def test_every_event_lies_on_a_named_thread_of_a_named_process(
    two_runs: dict[str, Timeline],
) -> None:
    trace = to_trace(two_runs)
    threads, processes = named(trace, "thread_name"), named(trace, "process_name")
    for event in complete(trace):
        assert (event["pid"], event["tid"]) in threads
        assert (event["pid"], 0) in processes
        assert event["ts"] >= 0
        assert event["dur"] >= 0


def test_nothing_is_lost(two_runs: dict[str, Timeline]) -> None:
    events = complete(to_trace(two_runs))
    for pid, timeline in enumerate(two_runs.values(), start=1):
        own = [event for event in events if event["pid"] == pid]
        assert len(own) == len(timeline)
        total_us = sum(event["dur"] for event in own)
        assert total_us == pytest.approx(1e6 * sum(i.duration_s for i in timeline), abs=0.1)


def test_events_are_sorted_after_the_metadata(two_runs: dict[str, Timeline]) -> None:
    events = to_trace(two_runs)["traceEvents"]
    kinds = [event["ph"] for event in events]
    assert kinds == sorted(kinds, key="MX".index)
    keys = [(e["pid"], e["tid"], e["ts"]) for e in events if e["ph"] == "X"]
    assert keys == sorted(keys)


def test_operators_have_a_thread_a_lane_and_their_own_name() -> None:
    timeline = Timeline(
        [
            interval(0.0, 1.0, kind="operator", lane="cpu", device="gpu:0"),
            interval(0.5, 1.0, kind="operator", lane="gpu", device="gpu:0"),
            interval(0.0, 2.0, device="gpu:0"),
        ]
    )
    trace = to_trace({"profile": timeline})
    assert list(named(trace, "thread_name").values()) == [
        "gpu:0 slot 0",
        "gpu:0 slot 0 cpu operators",
        "gpu:0 slot 0 gpu operators",
    ]
    assert [event["name"] for event in complete(trace)] == ["din-0", "amazon_din", "amazon_din"]


def test_other_phases_are_named() -> None:
    (event,) = complete(to_trace({"r": Timeline([interval(0, 1, kind="warmup")])}))
    assert event["name"] == "din-0: warmup"


spans = st.tuples(st.integers(0, 60), st.integers(0, 20))


@given(st.lists(spans, max_size=25))
def test_events_of_a_thread_are_disjoint_or_nested(found: list[tuple[int, int]]) -> None:
    """Perfetto drops or misplaces slices of one track that overlap only in part."""
    timeline = Timeline([interval(start / 7, length / 7) for start, length in found])
    tracks: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for event in complete(to_trace({"r": timeline})):
        start_ns = round(event["ts"] * 1e3)
        tracks[event["tid"]].append((start_ns, start_ns + round(event["dur"] * 1e3)))
    assert sum(map(len, tracks.values())) == len(found)
    for track in tracks.values():
        for i, (start, end) in enumerate(track):
            for other_start, other_end in track[i + 1 :]:
                disjoint = end <= other_start or other_end <= start
                inside = start <= other_start and other_end <= end
                assert disjoint or inside


def test_neighbours_stay_on_one_thread_after_a_round_trip_through_a_file(tmp_path: Path) -> None:
    timeline, now_s = Timeline(), 0.0
    for index in range(1, 200):
        timeline.add(interval(now_s, index / 7e4, job=f"j-{index}"))
        now_s += index / 7e4
    timeline.write_csv(tmp_path / "events.csv")
    trace = to_trace({"r": Timeline.read_csv(tmp_path / "events.csv")})
    assert list(named(trace, "thread_name").values()) == ["cpu:0 slot 0"]
    events = complete(trace)
    for before, after in pairwise(events):
        assert round(before["ts"] * 1e3) + round(before["dur"] * 1e3) <= round(after["ts"] * 1e3)


def test_the_file_is_json_and_the_same_every_time(
    two_runs: dict[str, Timeline], tmp_path: Path
) -> None:
    write_trace(tmp_path / "one.json", two_runs)
    again = {name: Timeline(reversed(list(runs))) for name, runs in two_runs.items()}
    write_trace(tmp_path / "two.json", again)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert json.loads((tmp_path / "one.json").read_text()) == to_trace(two_runs)


def test_no_runs_give_an_empty_trace(tmp_path: Path) -> None:
    write_trace(tmp_path / "trace.json", {})
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"] == []
