"""Operators of autograd's thread outside of its nodes: they stay, and so do those in its nodes.

The trace, in microseconds since a step's start:

    main thread    addmm 10-30, SGD.step 230-260: add_ 235-250
    second thread  AddmmBackward0: mm 62-82; then what a test adds
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gpu_trace import MAIN, SECOND, event, write_trace

from profiles.traces.imported import import_trace
from rmixer.imported.imported_profile import ImportedProfile, read_imported, write_imported

STEPS, STEP_US = 4, 300.0
Event = dict[str, Any]


def steps(*more: Event, numbered: bool = True) -> list[Event]:
    """Steps with ``more`` in each; without numbers nothing ties the two threads."""
    events: list[Event] = []
    for at in range(STEPS):
        forward = {"Sequence number": at, "Fwd thread id": 0} if numbered else {}
        node = {"Sequence number": at, "Fwd thread id": 1} if numbered else {}
        evaluated = "autograd::engine::evaluate_function: AddmmBackward0"
        events += moved(
            at,
            event(f"ProfilerStep#{at}", "user_annotation", 0.0, STEP_US),
            event("aten::addmm", "cpu_op", 10.0, 30.0, **forward),
            event(evaluated, "cpu_op", 60.0, 88.0, SECOND, **node),
            event("AddmmBackward0", "cpu_op", 61.0, 87.0, SECOND, **node),
            event("aten::mm", "cpu_op", 62.0, 82.0, SECOND),
            event("Optimizer.step#SGD.step", "user_annotation", 230.0, 260.0),
            event("aten::add_", "cpu_op", 235.0, 250.0),
            *more,
        )
    return events


def moved(step: int, *events: Event) -> list[Event]:
    """The same in that step, with correlations of its own."""
    found = []
    for each in events:
        args = dict(each["args"])
        if "correlation" in args:
            args["correlation"] += 1000 * step
        found.append({**each, "ts": each["ts"] + 1000.0 + STEP_US * step, "args": args})
    return found


def launched(
    call: float, kernel: str, work: tuple[float, float], tid: int = MAIN, at: int = 7
) -> list[Event]:
    """A launch of 2 us that begins at ``call``, and its kernel, from when to when it works on the
    stream ``at``."""
    number = round(call)  # no other launch of a step begins then
    done = event(kernel, "kernel", *work, correlation=number, stream=at)
    return [
        event("cudaLaunchKernel", "cuda_runtime", call, call + 2.0, tid, correlation=number),
        {**done, "tid": at},
    ]


def imported(tmp_path: Path, events: list[Event]) -> ImportedProfile:
    return import_trace(write_trace(tmp_path / "t.json", events), "t")


def phases(profile: ImportedProfile) -> list[tuple[str, str | None]]:
    return [(row.operator, row.phase) for row in profile.operators]


COPY = event("aten::copy_", "cpu_op", 122.0, 126.0, SECOND)
TRAINED = [
    ("aten::addmm", "forward"),
    ("aten::mm", "backward"),
    ("aten::add_", "optimizer"),
]


@pytest.mark.parametrize("numbered", [True, False])
def test_one_operator_outside_of_nodes_takes_none_away(tmp_path: Path, numbered: bool) -> None:
    """It has no phase. Times by hand: gaps are 10 + 50 (after the optimizer), 32, 40, 109."""
    found = imported(tmp_path, steps(COPY, numbered=numbered))
    first = ("aten::addmm", "forward" if numbered else None)
    assert phases(found) == [first, TRAINED[1], ("aten::copy_", None), TRAINED[2]]
    assert [row.mean_us for row in found.operators] == [20, 20, 4, 15]
    assert [row.t1_us for row in found.operators] == [60, 32, 40, 109]
    assert [row.forward_index for row in found.operators] == [-1, 0 if numbered else -1, -1, -1]
    assert (found.other_operators, found.outside_nodes) == (0, 1)
    assert found.closure == {"cpu": pytest.approx(0)}


def test_it_may_come_in_some_steps_alone_and_end_after_them(tmp_path: Path) -> None:
    """In one of four steps, from 290 to 310 of 300."""
    late = event("aten::copy_", "cpu_op", 290.0, 310.0, SECOND)
    found = imported(tmp_path, [*steps(), *moved(1, late)])
    assert (found.steps_used, found.outside_nodes) == (4, 0.25)
    assert phases(found) == [*TRAINED, ("aten::copy_", None)]
    copy = found.operators[3]
    assert (copy.mean_us, copy.p50_us, copy.t1_us) == (20 / 4, 0, 40 / 4)


@pytest.mark.parametrize(
    "around",
    [
        event("c10d::allreduce_", "cpu_op", 121.0, 127.0, SECOND),
        event("c10d::alltoall_base_", "cpu_op", 121.0, 127.0, SECOND),
        event("_c10d_functional::all_reduce", "cpu_op", 121.0, 127.0, SECOND),
        event("torch.distributed.ddp.reducer::copy_bucket_to_grad", "cpu_op", 121.0, 127.0, SECOND),
        event("nccl:_all_gather_base", "user_annotation", 121.0, 127.0, SECOND),
    ],
    ids=lambda each: str(each["name"]),
)
def test_communication_is_known_by_its_name(tmp_path: Path, around: Event) -> None:
    """Or by that of what is around it, but not inside of a node, whose operators are backward."""
    found = imported(tmp_path, steps(around, COPY))
    assert found.operators[2].phase == "communication"
    assert [row.phase for row in found.operators] == [
        "forward",
        "backward",
        "communication",
        "optimizer",
    ]
    inside = {**around, "ts": 64.0, "dur": 6.0}
    copy = {**COPY, "ts": 65.0, "dur": 4.0}
    within = [each for each in steps(inside, copy) if each["name"] != "aten::mm"]
    assert {row.phase for row in imported(tmp_path, within).operators} == {
        "forward",
        "backward",
        "optimizer",
    }


@pytest.mark.parametrize(("begin", "end"), [(70.0, 240.0), (65.0, 500.0), (110.0, 240.0)])
def test_a_wait_for_others_that_goes_on_by_itself_is_no_work(
    tmp_path: Path, begin: float, end: float
) -> None:
    """It begins inside a node or after it, and ends inside the optimizer, or after the step: it is
    around nothing."""
    reduces = event("gloo:all_reduce", "cpu_op", begin, end, SECOND)
    late = event("aten::mul", "cpu_op", 235.0, 250.0, SECOND)
    found = imported(tmp_path, steps(reduces, COPY, late))
    without = imported(tmp_path, steps(COPY, late))
    assert found.operators == without.operators


def test_one_that_does_not_go_on_is_an_operator(tmp_path: Path) -> None:
    reduces = event("gloo:all_reduce", "cpu_op", 122.0, 126.0, SECOND)
    found = imported(tmp_path, steps(reduces))
    assert ("gloo:all_reduce", "communication") in phases(found)
    assert found.operators[2].mean_us == 4


def test_kernels_launched_outside_of_nodes_are_work_of_the_step(tmp_path: Path) -> None:
    """30 forward, 40 backward, 60 of NCCL (on a stream of its own), 5 of a copy, 10 in the
    optimizer: 145 us a step, of which the thread's nodes have 40 and main has 40."""
    reduce = "ncclDevKernel_AllReduce_Sum_f32_RING_LL"
    more = [
        *launched(12.0, "gemm", (20.0, 50.0)),
        *launched(64.0, "gemm", (70.0, 110.0), SECOND),
        event("c10d::allreduce_", "cpu_op", 122.0, 130.0, SECOND),
        event("record_param_comms", "cpu_op", 123.0, 129.0, SECOND),
        event("nccl:all_reduce", "user_annotation", 124.0, 128.0, SECOND),
        *launched(125.0, reduce, (130.0, 190.0), SECOND, at=20),
        event("aten::copy_", "cpu_op", 140.0, 144.0, SECOND),
        *launched(141.0, "copy", (190.0, 195.0), SECOND),
        *launched(240.0, "axpy", (245.0, 255.0)),
    ]
    found = imported(tmp_path, steps(*more))
    assert [(row.operator, row.phase, row.mean_us) for row in found.operators] == [
        ("aten::addmm", "forward", 30),
        ("aten::mm", "backward", 40),
        ("c10d::allreduce_", "communication", 60),
        ("aten::copy_", None, 5),
        ("aten::add_", "optimizer", 10),
    ]
    assert {row.lane for row in found.operators} == {"gpu"}
    assert (found.unclaimed_us, found.left_out_share, found.outside_nodes) == (0, 0, 2)
    write_imported(tmp_path / "t", found)
    assert read_imported(tmp_path / "t") == found


def test_a_launch_of_nccl_outside_of_all_operators(tmp_path: Path) -> None:
    """Named by its kernel."""
    name = "ncclKernel_AllGather_RING_LL_Sum_int8_t"
    found = imported(tmp_path, steps(*launched(125.0, name, (130.0, 190.0), SECOND, at=20)))
    assert (name, "communication") in phases(found)


def test_an_optimizer_that_runs_in_nodes_makes_no_main_thread(tmp_path: Path) -> None:
    """It updates parameters as soon as their gradients are there; nothing else does."""
    within = [
        event("Optimizer.step#SGD.step", "user_annotation", 84.0, 87.0, SECOND),
        event("aten::add_", "cpu_op", 85.0, 86.0, SECOND),
        COPY,
    ]
    events = [e for e in steps(*within) if e["name"] not in ("aten::add_",) or e["dur"] == 1.0]
    found = imported(tmp_path, events)
    assert phases(found) == [*TRAINED, ("aten::copy_", None)]
    assert found.other_operators == 0


def test_a_thread_that_trains_by_itself_is_another_one(tmp_path: Path) -> None:
    """Autograd counts each thread's operators: its numbers are those of the main thread's, too."""
    own: list[Event] = []
    for at in range(STEPS):
        node = {"Sequence number": at, "Fwd thread id": 2}
        evaluated = "autograd::engine::evaluate_function: AddmmBackward0"
        own += moved(
            at,
            event("aten::bmm", "cpu_op", 15.0, 35.0, 99, **{"Sequence number": at}),
            event(evaluated, "cpu_op", 60.0, 88.0, 99, **node),
            event("aten::mm", "cpu_op", 62.0, 82.0, 99),
        )
    found = imported(tmp_path, [*steps(COPY), *own])
    assert found.operators == imported(tmp_path, steps(COPY)).operators
    assert found.other_operators == 2 * STEPS
    assert found.other_us == 20 + 20


def test_threads_that_take_turns_otherwise_train_alike(tmp_path: Path) -> None:
    """In one step what the second thread does outside of nodes is over before, not after, the
    optimizer has begun."""
    copies = [event("aten::copy_", "cpu_op", at, at + 4.0, SECOND) for at in (228.0, 252.0)]
    events = [
        *steps(),
        *moved(0, copies[0]),
        *(m for at in (1, 2, 3) for m in moved(at, copies[1])),
    ]
    found = imported(tmp_path, events)
    assert found.steps_used == 4
    (copy,) = [row for row in found.operators if row.operator == "aten::copy_"]
    assert copy.mean_us == 4
