"""Traces whose times are whole microseconds: what begins where another ends may lie inside it."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import pytest
from gpu_trace import Event, event
from plain_steps import write_steps

from profiles.traces.imported import Wanted, import_trace

RECORDED = Path(__file__).parent / "criteo_dlrm_h100.json.gz"


def at(name: str, *begins: float) -> list[list[Event]]:
    """One without length in each step."""
    return [[event(name, "cpu_op", begin, begin)] for begin in begins]


@pytest.mark.parametrize(
    ("name", "begins"), [("aten::as_strided", (30, 29, 30, 29)), ("aten::t", (30, 30, 30, 30))]
)
def test_a_child_of_no_length_at_the_end(
    tmp_path: Path, name: str, begins: tuple[float, ...]
) -> None:
    found = import_trace(write_steps(tmp_path / "t.json", *at(name, *begins)), "t")
    assert (found.steps_found, found.steps_used) == (4, 4)
    assert [row.operator for row in found.operators] == ["aten::addmm", "aten::mm", "aten::add_"]


def test_the_next_one_where_it_more_often_clearly_comes_after(tmp_path: Path) -> None:
    found = import_trace(write_steps(tmp_path / "t.json", *at("aten::t", 31, 30, 33, 30)), "t")
    assert found.steps_used == 4
    assert [row.operator for row in found.operators][:2] == ["aten::addmm", "aten::t"]


def test_it_stays_in_its_node(tmp_path: Path) -> None:
    """In two of four steps it begins when the node is over."""
    found = import_trace(write_steps(tmp_path / "t.json", *at("aten::sum", 83, 84, 83, 84)), "t")
    assert found.steps_used == 4
    assert {row.phase for row in found.operators} == {"forward", "backward", "optimizer"}


def test_of_two_that_begin_together_the_lower_number_came_first(tmp_path: Path) -> None:
    """``item`` is no part of ``sqrt``, in whose first microsecond it begins and ends."""
    more = [
        [
            event("aten::item", "cpu_op", begin, 101, **{"External id": 10 * number + 1}),
            event("aten::sqrt", "cpu_op", 101, 104, **{"External id": 10 * number + 2}),
        ]
        for number, begin in enumerate((100, 101, 100, 101))
    ]
    found = import_trace(write_steps(tmp_path / "t.json", *more), "t")
    assert found.steps_used == 4
    assert [row.operator for row in found.operators][2:4] == ["aten::item", "aten::sqrt"]


def test_a_recorded_trace_tells_the_same_in_whole_microseconds(tmp_path: Path) -> None:
    trace = json.loads(gzip.decompress(RECORDED.read_bytes()))
    for each in trace["traceEvents"]:
        if each.get("ph") == "X":
            end = math.floor(each["ts"] + each["dur"])
            each["ts"] = math.floor(each["ts"])
            each["dur"] = end - each["ts"]
    path = tmp_path / "t.json"
    path.write_text(json.dumps(trace))
    found, exact = (import_trace(each, "t", Wanted("rmixer::input")) for each in (path, RECORDED))
    assert found.steps_used == exact.steps_used == 3
    for row, other in zip(found.operators, exact.operators, strict=True):
        assert (row.operator, row.lane, row.phase) == (other.operator, other.lane, other.phase)
        assert row.mean_us == pytest.approx(other.mean_us, abs=1.0)
    assert found.profiled_mean_us == pytest.approx(exact.profiled_mean_us, abs=1.0)
