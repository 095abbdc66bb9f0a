"""Steps on a GPU: what is read of the profiler's events, and its cost taken out, by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gpu_steps import CALLS, MM, marked_steps
from gpu_trace import event, write_trace
from torch.profiler import ProfilerActivity, profile, record_function

from profiles.assembling.gpu_operator_times import DeviceTimes, merge_device
from profiles.traces.chrome_trace import read_chrome_trace
from profiles.traces.device_steps import device_steps
from profiles.traces.profiler_events import INPUT_MARK, Called, read_calls, split_steps
from profiles.traces.trace_events import kineto_events
from rmixer.errors import RunFailed

ROWS = [(0, "cpu"), (1, "link"), (2, "gpu"), (3, "link"), (4, "cpu"), (5, "gpu"), (6, "gpu")]
EVENT_US = 2.0


def block(folder: Path, **changes: Any) -> dict[str, Any]:
    return device_steps(marked_steps(folder, **changes), skipped=1)


def merged(folder: Path, event_us: float = EVENT_US) -> DeviceTimes:
    return merge_device(CALLS, [block(folder)], event_us, threads=1)


def test_a_block_is_its_whole_steps_but_the_first(tmp_path: Path) -> None:
    """The second ``bias`` of two that count takes 10 us more. The copy's gap begins with the one
    of the step before."""
    found = block(tmp_path, slower=10.0)
    assert found["rows"] == ROWS
    times = found["times"]
    assert times["busy"].tolist() == [[8, 8, 30, 2, 5, 30, 10], [8, 8, 40, 2, 5, 30, 10]]
    assert times["t1"].tolist() == [[670, 2, 10, 10, 20, 20, 85]] * 2
    assert times["host"][0].tolist() == [0, 30, 40, 57, 0, 20, 20]
    assert times["wait"][0].tolist() == [0, 0, 0, 3, 0, 0, 0]
    assert times["gap_before"][0, [1, 2, 3, 5, 6]].tolist() == [912, 737, 78, 118, 75]
    assert found["launches"].tolist() == [0, 1, 2, 1, 0, 1, 1]


def test_each_event_is_counted_where_its_cost_falls(tmp_path: Path) -> None:
    """All 18 once inside or between operators, and once between the launches of each lane."""
    found = block(tmp_path)
    assert found["inside"].tolist() == [1, 2, 4, 3, 1, 2, 2]
    assert found["before"].tolist() == [0, 0, 0, 0, 0, 2, 1]
    assert found["between"][[2, 5, 6]].tolist() == [7, 8, 3]
    assert found["between"][[1, 3]].tolist() == [12, 6]


def test_what_the_profiler_cost_the_host_is_taken_out(tmp_path: Path) -> None:
    """At 2 us an event, of its own half inside: 36 us of the step's 1000."""
    times = merged(tmp_path).times
    assert times["busy"][0].tolist() == [7, 8, 30, 2, 4, 30, 10]
    assert times["host"][0].tolist() == [0, 27, 33, 52, 0, 17, 17]
    assert times["t1"][0].tolist() == [669, 1, 9, 9, 19, 15, 82]
    assert [times[f"t{n}"][0, 1] for n in (2, 3, 4, 5)] == [9, 9, 9, 0]


def test_gaps_on_a_device_are_as_much_shorter_and_all_lanes_close_alike(tmp_path: Path) -> None:
    """The GPU's gaps became shorter by the same 36 us, so the host waits no longer."""
    found = merged(tmp_path)
    assert found.times["gap_before"][0, [1, 2, 3, 5, 6]].tolist() == [888, 723, 66, 102, 69]
    assert found.times["wait"][0, 3] == pytest.approx(3)
    assert found.lanes_us == pytest.approx(dict.fromkeys(("cpu", "gpu", "link"), 964))


def test_without_a_cost_nothing_changes(tmp_path: Path) -> None:
    found = merged(tmp_path, 0.0)
    assert found.lanes_us == pytest.approx(dict.fromkeys(("cpu", "gpu", "link"), 1000))


def test_no_time_becomes_negative(tmp_path: Path) -> None:
    """At 100 us: only T1 of the input, 670 - 50, is left of the host's."""
    found = merged(tmp_path, 100.0)
    assert all((values >= 0).all() for values in found.times.values())
    assert found.times["t1"][0].tolist() == [620, 0, 0, 0, 0, 0, 0]


def test_rows_of_the_table_are_the_devices(tmp_path: Path) -> None:
    """T1 has what the host did alone since the row before: the gaps around the input, and
    ``empty`` with its gap. The forward operator's index is among these rows."""
    rows = merged(tmp_path).costs()
    assert [(row.index, row.operator, row.lane, row.phase) for row in rows] == [
        (0, "aten::to", "link", "copy"),
        (1, "aten::linear", "gpu", "forward"),
        (2, "aten::item", "link", "forward"),
        (3, "aten::mm", "gpu", "backward"),
        (4, "aten::add_", "gpu", "optimizer"),
    ]
    assert [row.t1_us for row in rows] == [669 + 1, 9, 9, 19 + 4 + 15, 82]
    assert [row.host_us for row in rows] == [27, 33, 52, 17, 17]
    assert [row.wait_us for row in rows] == pytest.approx([0, 0, 3, 0, 0])
    mm = rows[3]
    assert (mm.mean_us, mm.gap_before_us, mm.module, mm.forward_index) == (30, 102, "top", 1)
    assert (mm.flops, mm.read_bytes, mm.written_bytes) == (MM.flops, MM.read_bytes, 32)
    assert {row.threads for row in rows} == {1}
    for row in rows:
        assert row.host_us == pytest.approx(row.t2_us + row.t3_us + row.t4_us + row.t5_us)


def test_quantiles_are_over_all_steps_of_all_blocks(tmp_path: Path) -> None:
    blocks = [block(tmp_path, steps=11), block(tmp_path, steps=2, slower=10.0)]
    linear = merge_device(CALLS, blocks, 0.0, 1).costs()[1]
    assert (linear.p50_us, linear.mean_us) == (30, pytest.approx(30 + 10 / 11))


def test_steps_or_a_structure_that_differ_are_refused(tmp_path: Path) -> None:
    events = marked_steps(tmp_path)
    fewer = [found for found in events if found.start_ns < 7e6 or found.name != "aten::empty"]
    with pytest.raises(RunFailed, match="same operators every time: where one runs"):
        device_steps(fewer, skipped=1)
    with pytest.raises(RunFailed, match="same operators every time"):
        merge_device(CALLS[:-1], [block(tmp_path)], EVENT_US, 1)


def test_a_launch_outside_of_operators_and_what_wraps_several(tmp_path: Path) -> None:
    """The one is of no operator of the structure, the other is the two that lie in it."""
    lone = [
        event("cudaLaunchKernel", "cuda_runtime", 400.0, 404.0, correlation=900),
        event("fill", "kernel", 410.0, 415.0, correlation=900),
        event("mine::both", "cpu_op", 500.0, 600.0),
        event("aten::mul", "cpu_op", 510.0, 520.0),
        event("aten::add", "cpu_op", 530.0, 540.0),
    ]
    marks = [event(INPUT_MARK, "user_annotation", at, at + 8.0) for at in (0.0, 1000.0)]
    path = write_trace(tmp_path / "events.json", [*marks, *lone])
    found = device_steps(read_chrome_trace(path).events)
    assert found["operators"] == [INPUT_MARK, "fill", "mine::both"]
    assert found["names"] == [[INPUT_MARK], [], ["aten::mul", "aten::add"]]
    inner = [Called(name, 0.0, phase="forward") for name in ("aten::mul", "aten::add")]
    (row,) = merge_device([CALLS[0], *inner], [found], 0.0, 1).costs()
    assert (row.operator, row.phase, row.flops) == ("fill", "input", 0)
    assert row.t1_us == (400 - 8) + (500 - 404) + 100


def test_of_a_real_profile_it_reads_what_the_profiler_of_the_cpu_reads() -> None:
    """Operators, durations, gaps and counts of events, from the same events."""
    layer = torch.nn.Linear(16, 16)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, fused=True)
    with profile(activities=[ProfilerActivity.CPU]) as observed:
        for _ in range(3):
            with record_function(INPUT_MARK):
                samples = torch.ones(4, 16)
            optimizer.zero_grad()
            layer(samples).relu().sum().backward()
            optimizer.step()
        with record_function(INPUT_MARK):
            pass
    events = list(observed.profiler.kineto_results.events())
    ours = device_steps(list(kineto_events(events)), skipped=1)
    theirs = split_steps(read_calls(events))[1:]
    assert ours["operators"] == [call.name for call in theirs[0]]
    assert [[call.duration_us for call in step] for step in theirs] == ours["times"][
        "busy"
    ].tolist()
    assert np.array([[call.gap_before_us for call in step] for step in theirs]) == pytest.approx(
        ours["times"]["t1"]
    )
    assert ours["inside"].tolist() == [call.events for call in theirs[0]]
    assert ours["before"].tolist() == [call.events_before for call in theirs[0]]
