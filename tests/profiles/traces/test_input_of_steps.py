"""Steps whose input differs: they train alike, and the mean is that of all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gpu_trace import event, write_trace

from profiles.traces.imported import Wanted, import_trace
from rmixer.imported.imported_profile import ImportedProfile

Event = dict[str, Any]
NEXT = "enumerate(DataLoader)#_{}DataLoaderIter.__next__"


class Trace:
    """Steps one after another, in microseconds since each one's start."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._at, self._number = 1000.0, 0

    def step(self, offset: float, *first: Event, also: str = "", tail: float = 11.0) -> None:
        """``first``, then from ``offset`` on: addmm 10-30, mm 62-82, SGD's add_ 115-130; and
        ``tail`` more."""
        number = {"Sequence number": self._number}
        node, evaluated = {**number, "Fwd thread id": 1}, "autograd::engine::evaluate_function: A"
        end = offset + 130.0 + tail
        self._add(0.0, *first, event(f"ProfilerStep#{self._number}", "user_annotation", 0.0, end))
        self._add(
            offset,
            event("aten::addmm", "cpu_op", 10.0, 30.0, **number),
            event(evaluated, "cpu_op", 60.0, 88.0, **node),
            event("aten::mm", "cpu_op", 62.0, 82.0),
            *([event(also, "cpu_op", 90.0, 92.0)] if also else ()),
            event("Optimizer.step#SGD.step", "user_annotation", 95.0, 135.0),
            event("aten::add_", "cpu_op", 115.0, 130.0),
        )
        self._at += end
        self._number += 1

    def _add(self, offset: float, *events: Event) -> None:
        self.events += [{**e, "ts": e["ts"] + self._at + offset} for e in events]

    def imported(self, folder: Path, marker: str | None = None) -> ImportedProfile:
        return import_trace(write_trace(folder / "t.json", self.events), "t", Wanted(marker))


def batch(count: int, start: float, loader: str = "MultiProcessing") -> list[Event]:
    """``count`` times ``empty`` and ``set_``, 0.4 us each and 0.1 us apart, in the loader's mark,
    which begins with the step."""
    found = [event(NEXT.format(loader), "user_annotation", 0.0, start + count + 0.1)]
    for at in range(count):
        found.append(event("aten::empty", "cpu_op", start + at, start + at + 0.4))
        found.append(event("aten::set_", "cpu_op", start + at + 0.5, start + at + 0.9))
    return found


@pytest.mark.parametrize("loader", ["MultiProcessing", "SingleProcess"])
def test_a_loader_that_runs_operators_in_some_steps_only(tmp_path: Path, loader: str) -> None:
    """Five steps of 1140 us that wait 1000 and run ``empty`` and ``set_``, four of 141 that wait 2:
    (5 x 1140 + 4 x 141) / 9 = 696. Gaps before addmm are 8.1 + 11 - 11 and 10 + 11."""
    trace = Trace()
    for slow in (True, False) * 4 + (True,):
        if slow:
            trace.step(999.0, *batch(1, 1000.0, loader))
        else:
            trace.step(0.0, *batch(0, 2.0, loader))
    found = trace.imported(tmp_path)
    assert (found.steps_found, found.steps_used) == (9, 9)
    assert found.profiled_mean_us == pytest.approx(696)
    rows = {row.operator: row for row in found.operators}
    assert [(row.operator, row.phase) for row in found.operators] == [
        ("aten::empty", "input"),
        ("aten::set_", "input"),
        ("aten::addmm", "forward"),
        ("aten::mm", "backward"),
        ("aten::add_", "optimizer"),
    ]
    assert rows["aten::empty"].mean_us == pytest.approx(0.4 * 5 / 9)
    assert rows["aten::empty"].t1_us == pytest.approx((1000 + 11) * 5 / 9)
    assert rows["aten::set_"].t1_us == pytest.approx(0.1 * 5 / 9)
    assert rows["aten::addmm"].t1_us == pytest.approx((5 * 8.1 + 4 * 21) / 9)
    assert (rows["aten::addmm"].mean_us, rows["aten::mm"].t1_us) == (20, 32)
    assert rows["aten::mm"].forward_index == 2
    total = sum(row.mean_us + row.t1_us for row in found.operators)
    assert total == pytest.approx(696)
    assert found.closure == {"cpu": pytest.approx(0)}


def test_quantiles_are_over_all_steps(tmp_path: Path) -> None:
    """Of five steps, one of which loads."""
    trace = Trace()
    for count in (0, 0, 1, 0, 0):
        trace.step(10.0, *batch(count, 2.0))
    empty = trace.imported(tmp_path).operators[0]
    assert (empty.p10_us, empty.p50_us) == (0, 0)
    assert empty.p90_us == pytest.approx(0.4 * 0.6)


def test_different_amounts_of_input_are_matched(tmp_path: Path) -> None:
    """The k-th of a name with the k-th: one, two, three and no batches."""
    trace = Trace()
    for count in (1, 2, 3, 0):
        trace.step(10.0, *batch(count, 2.0))
    found = trace.imported(tmp_path)
    loading = [row for row in found.operators if row.phase == "input"]
    assert [row.operator for row in loading] == ["aten::empty", "aten::set_"] * 3
    assert [row.mean_us for row in loading] == pytest.approx([0.3, 0.3, 0.2, 0.2, 0.1, 0.1])
    assert found.closure == {"cpu": pytest.approx(0)}


def test_copies_before_the_forward_pass_belong_to_the_input(tmp_path: Path) -> None:
    """``to`` copies where there is something to copy; what is copied between the passes and the
    optimizer is the training's."""
    copy = event("aten::to", "cpu_op", 5.0, 8.0)
    trace = Trace()
    for has_copy in (True, False, False, True):
        trace.step(10.0, *batch(int(has_copy), 2.0), *([copy] if has_copy else []))
    found = trace.imported(tmp_path)
    assert found.steps_used == 4
    (to,) = [row for row in found.operators if row.operator == "aten::to"]
    assert (to.phase, to.mean_us) == (None, 1.5)
    trace.step(10.0, also="aten::copy_")
    assert trace.imported(tmp_path).steps_used == 4


def test_steps_that_train_otherwise_are_left_out_whatever_their_input(tmp_path: Path) -> None:
    """And one that loads and trains nothing is none of the kind of most."""
    trace = Trace()
    for count, also in ((1, ""), (1, "aten::topk"), (0, ""), (0, "aten::topk"), (2, "")):
        trace.step(10.0, *batch(count, 2.0), also=also)
    assert trace.imported(tmp_path).steps_used == 3


def test_loading_on_a_thread_of_its_own_is_counted(tmp_path: Path) -> None:
    """As often as it likes; 6 + 6 + 0 + 6 us in four steps."""
    trace = Trace()
    for count in (2, 2, 0, 2):
        pins = [event("aten::pin_memory", "cpu_op", 40.0 + 10 * n, 43.0 + 10 * n, tid=99)
                for n in range(count)]  # fmt: skip
        trace.step(10.0, *batch(0, 2.0), *pins)
    found = trace.imported(tmp_path)
    assert (found.steps_used, found.other_operators, found.other_us) == (4, 6, 4.5)
    assert {row.phase for row in found.operators} == {"forward", "backward", "optimizer"}


def test_without_marks_copies_of_the_input_make_no_other_step(tmp_path: Path) -> None:
    """Steps begin with their input: the last two ends are the next ones' beginnings."""
    copy = event("aten::to", "cpu_op", 5.0, 8.0)
    trace = Trace()
    for has_copy in (True, False, True, True, False, True, False):
        trace.step(10.0, *batch(int(has_copy), 2.0), *([copy] if has_copy else []))
    trace.events = [e for e in trace.events if not e["name"].startswith("ProfilerStep")]
    found = trace.imported(tmp_path)
    assert found.steps_told == "repetition"
    assert found.steps_used == found.steps_found == 6
    by_marker = trace.imported(tmp_path, "Optimizer.step#SGD.step")
    assert by_marker.steps_used == by_marker.steps_found == 6


def test_copies_to_a_gpu_differ_as_the_input_does(tmp_path: Path) -> None:
    """One of 8 us in each second step; the kernel of 30 us is each step's."""
    trace = Trace()
    for number in range(4):
        first = [
            event("cudaLaunchKernel", "cuda_runtime", 15.0, 17.0, correlation=10 * number + 1),
            event("gemm", "kernel", 40.0, 70.0, correlation=10 * number + 1),
        ]
        if number % 2:
            first += [
                event("aten::to", "cpu_op", 2.0, 8.0),
                event("cudaMemcpyAsync", "cuda_runtime", 3.0, 6.0, correlation=10 * number + 2),
                event("Memcpy HtoD (Pinned -> Device)", "gpu_memcpy", 8.0, 16.0,
                      correlation=10 * number + 2),
            ]  # fmt: skip
        trace.step(0.0, *first)
    found = trace.imported(tmp_path)
    assert found.steps_used == 4
    copy, addmm = found.operators[:2]
    assert (copy.operator, copy.lane, copy.phase, copy.mean_us) == ("aten::to", "link", "copy", 4)
    assert (copy.launches, copy.t4_us) == (0, 1.5)  # half of one, rounded to even
    assert (addmm.lane, addmm.mean_us, addmm.launches) == ("gpu", 30, 1)
    assert found.left_out_share == 0


def test_work_of_an_operator_is_that_of_the_mean_step(tmp_path: Path) -> None:
    """A product of 48 FLOPs in two of four steps' input; work that differs is not known."""
    args = {"Input Dims": [[2, 3], [3, 4]], "Input type": ["float", "float"]}
    trace = Trace()
    for has_work in (True, False, True, False):
        mark = event(NEXT.format("SingleProcess"), "user_annotation", 0.0, 9.0)
        work = event("aten::mm", "cpu_op", 2.0, 6.0, **args)
        trace.step(10.0, mark, *([work] if has_work else []))
    loaded = trace.imported(tmp_path).operators[0]
    assert (loaded.phase, loaded.flops, loaded.shapes) == ("input", 24, "2x3 3x4")
