"""Lanes, gaps and ties of a GPU's trace, all of it computed by hand (see ``gpu_trace``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gpu_trace import MAIN, STEP_US, event, step, two_steps, write_trace

from profiles.traces.imported import import_trace
from rmixer.errors import InputError
from rmixer.imported.imported_profile import ImportedProfile


def imported(tmp_path: Path, events: list[dict[str, Any]]) -> ImportedProfile:
    return import_trace(write_trace(tmp_path / "trace.json", events), "trace")


def one_step(*events: dict[str, Any]) -> list[dict[str, Any]]:
    """These events in a step of a millisecond."""
    return [event("ProfilerStep#1", "user_annotation", 0.0, STEP_US), *events]


def launch(start: float, end: float, correlation: int, tid: int = MAIN) -> dict[str, Any]:
    return event("cudaLaunchKernel", "cuda_runtime", start, end, tid, correlation=correlation)


def kernel(start: float, end: float, correlation: int, **args: Any) -> dict[str, Any]:
    return event("kernel", "kernel", start, end, correlation=correlation, **args)


def test_operators_their_lanes_and_phases(tmp_path: Path) -> None:
    """What brings data to the device is a copy; what nothing tells (a read-back, an allocation
    after the forward pass) stays unknown."""
    profile = imported(tmp_path, two_steps())
    assert profile.device == "gpu"
    assert (profile.steps_found, profile.steps_used) == (2, 2)
    assert [(row.operator, row.lane, row.phase) for row in profile.operators] == [
        ("aten::to", "link", "copy"),
        ("aten::linear", "gpu", "forward"),
        ("aten::item", "link", None),
        ("aten::empty", "cpu", None),
        ("aten::mm", "gpu", "backward"),
        ("aten::add_", "gpu", "optimizer"),
    ]


def test_a_backward_operator_on_a_thread_of_its_own_is_tied_to_its_forward_one(
    tmp_path: Path,
) -> None:
    """The number was recorded by what ``linear`` called."""
    profile = imported(tmp_path, two_steps())
    assert [row.forward_index for row in profile.operators] == [-1, -1, -1, -1, 1, -1]


def test_the_five_gaps(tmp_path: Path) -> None:
    """Also between a launch and the host's waiting, which itself is in none of them; before the
    first operator there is what follows the last one."""
    profile = imported(tmp_path, [*step(1, 0.0)])
    found = {
        row.operator: (row.t1_us, row.t2_us, row.t3_us, row.t4_us, row.t5_us, row.wait_us)
        for row in profile.operators
    }
    assert found == {
        "aten::to": (10 + 1000 - 330, 10, 10, 10, 0, 0),
        "aten::linear": (10, 10, 14, 5 + 6, 5, 0),
        "aten::item": (10, 5, 2 + 45, 5, 0, 3),
        "aten::empty": (20, None, None, None, None, 0),
        "aten::mm": (20, 5, 11, 4, 0, 0),
        "aten::add_": (85, 5, 12, 3, 0, 0),
    }
    assert [row.host_us for row in profile.operators] == [30, 40, 57, 0, 20, 20]
    assert [row.launches for row in profile.operators] == [1, 2, 1, 0, 1, 1]


def test_time_on_each_lane_and_the_gaps_before(tmp_path: Path) -> None:
    """Kernels of one operator add up; the second step's ``bias`` took 10 us more. Each lane is idle
    to its first work, and from its last work to the end of the step."""
    profile = imported(tmp_path, two_steps())
    times = {row.operator: (row.mean_us, row.gap_before_us) for row in profile.operators}
    assert times == {
        "aten::to": (8, 25 + 1000 - 113),
        "aten::linear": (30 + 5, 66 + 1 + 1000 - 330),
        "aten::item": (2, 111 - 33),
        "aten::empty": (5, 20),
        "aten::mm": (30, (215 - 97 + 215 - 107) / 2),
        "aten::add_": (10, 320 - 245),
    }
    linear = profile.operators[1]
    assert (linear.p10_us, linear.p50_us, linear.p90_us) == (31, 35, 39)
    assert profile.profiled_mean_us == STEP_US


def test_closure_of_the_host_counts_waiting_and_that_of_the_gpu_its_gaps(tmp_path: Path) -> None:
    """They are all there is of a step, but that the device ends what it has begun: 50 us later in
    a step whose last kernel ends at 1050."""
    profile = imported(tmp_path, step(1, 0.0))
    assert profile.closure == pytest.approx({"cpu": 0, "gpu": 0})
    late = [event("aten::a", "cpu_op", 0.0, 10.0), launch(1.0, 2.0, 1), kernel(20.0, 1050.0, 1)]
    profile = imported(tmp_path, one_step(*late))
    assert profile.closure == pytest.approx({"gpu": 0.05})


def test_what_lies_between_steps_and_in_others_is_in_none(tmp_path: Path) -> None:
    """A pause of half a second after the first, and one step of other operators before the last."""
    apart = [*step(1, 0.0), *step(2, 501_000.0), *step(4, 504_000.0)]
    other = [
        event("ProfilerStep#3", "user_annotation", 502_000.0, 503_000.0),
        event("aten::save", "cpu_op", 502_100.0, 502_900.0),
    ]
    alone, found = imported(tmp_path, step(1, 0.0)), imported(tmp_path, [*apart, *other])
    assert (found.steps_found, found.steps_used) == (4, 3)
    for row, like in zip(found.operators, alone.operators, strict=True):
        assert (row.gap_before_us, row.t1_us) == (like.gap_before_us, like.t1_us)
    assert found.closure == pytest.approx({"cpu": 0, "gpu": 0})


def test_what_the_trace_tells_of_hardware_and_work(tmp_path: Path) -> None:
    profile = imported(tmp_path, two_steps())
    assert (profile.hardware, profile.driver) == ("Example GPU", "13000")
    linear, mm = profile.operators[1], profile.operators[4]
    assert linear.shapes == "8x4 2x4 2"
    assert (linear.flops, linear.read_bytes) == (2 * 8 * 4 * 2, 4 * (32 + 8 + 2))
    assert linear.written_bytes == 4 * 16
    assert (mm.shapes, mm.flops, mm.read_bytes, mm.written_bytes) == ("", None, None, None)
    assert (profile.batch, profile.threads, profile.peak_bytes, profile.step_us) == (None,) * 4


def test_an_operator_on_two_lanes_has_a_row_on_each(tmp_path: Path) -> None:
    """Each launch, with the host's time before it, counts for the lane that it feeds: the copy's
    for the link (2 + 3), the kernel's (4 + 5) and what follows (6) for the GPU."""
    copy = {"correlation": 1}
    profile = imported(
        tmp_path,
        one_step(
            event("aten::index", "cpu_op", 10.0, 30.0),
            event("cudaMemcpyAsync", "cuda_runtime", 12.0, 15.0, **copy),
            event("Memcpy HtoD (Pinned -> Device)", "gpu_memcpy", 16.0, 17.0, **copy),
            launch(19.0, 24.0, 2),
            kernel(25.0, 28.0, 2),
        ),
    )
    link, gpu = profile.operators
    assert (link.index, gpu.index) == (0, 0)
    assert (link.lane, link.t2_us, link.t4_us, link.host_us) == ("link", 2, 3, 5)
    assert link.t1_us == 10 + 1000 - 30
    assert link.phase == "copy"
    assert (gpu.lane, gpu.t1_us, gpu.t5_us, gpu.t4_us, gpu.t3_us) == ("gpu", 0, 4, 5, 6)
    assert (gpu.host_us, gpu.phase) == (15, None)


def test_a_call_of_the_driver_has_a_correlation_of_its_own(tmp_path: Path) -> None:
    """Else the work of one would be counted twice; what launches nothing, or lies inside of what
    does, may share one."""
    events = [event("aten::a", "cpu_op", 0.0, 30.0), launch(1.0, 9.0, 1), kernel(20.0, 60.0, 1)]
    events.append(event("cuLaunchKernelEx", "cuda_driver", 2.0, 8.0, correlation=1))
    wait = event("cudaEventQuery", "cuda_runtime", 12.0, 13.0, correlation=2)
    (row,) = imported(tmp_path, one_step(*events, wait, wait)).operators
    assert (row.mean_us, row.launches) == (40, 1)
    with pytest.raises(InputError, match=r"cudaLaunchKernel at 11\.000: found correlation 1, wh"):
        imported(tmp_path, one_step(*events, launch(11.0, 12.0, 1)))


def test_a_launch_outside_of_operators_is_one(tmp_path: Path) -> None:
    """By its kernel's name, or where one call started several, as a captured graph does, by the
    call's own. A wait outside of operators is no gap."""
    graph = event("cudaGraphLaunch", "cuda_runtime", 40.0, 50.0, correlation=2)
    wait = event("cudaDeviceSynchronize", "cuda_runtime", 52.0, 72.0, correlation=3)
    profile = imported(
        tmp_path,
        one_step(
            launch(10.0, 14.0, 1),
            kernel(15.0, 20.0, 1),
            graph,
            kernel(55.0, 60.0, 2),
            kernel(61.0, 66.0, 2),
            wait,
            event("aten::add", "cpu_op", 75.0, 80.0),
        ),
    )
    lone, captured, add = profile.operators
    assert (lone.operator, lone.mean_us, lone.t4_us, lone.host_us) == ("kernel", 5, 4, 4)
    assert (captured.operator, captured.mean_us, captured.launches) == ("cudaGraphLaunch", 10, 1)
    assert (add.t1_us, add.wait_us) == (75 - 50 - 20, 20)


def test_a_copy_to_the_host_that_returns_when_it_is_there_has_waited(tmp_path: Path) -> None:
    """The call lasts from 10 to 50, the data were there at 48."""
    profile = imported(
        tmp_path,
        one_step(
            event("aten::item", "cpu_op", 8.0, 52.0),
            event("cudaMemcpyAsync", "cuda_runtime", 10.0, 50.0, correlation=1),
            event("Memcpy DtoH (Device -> Pageable)", "gpu_memcpy", 45.0, 48.0, correlation=1),
        ),
    )
    (item,) = profile.operators
    assert (item.lane, item.wait_us, item.t4_us, item.host_us) == ("link", 38, 2, 2 + 2 + 2)


def test_device_work_without_its_launch_is_tied_by_the_external_id(tmp_path: Path) -> None:
    """Or, where that is missing too, left out and named."""
    operator = {"External id": 77}
    profile = imported(
        tmp_path,
        one_step(
            event("aten::mm", "cpu_op", 10.0, 30.0),
            event("aten::addmm", "cpu_op", 40.0, 60.0),
            event("aten::inner", "cpu_op", 45.0, 50.0, **operator),
            kernel(70.0, 90.0, 5, **operator),
            kernel(95.0, 99.0, 6),
        ),
    )
    mm, addmm = profile.operators
    assert (mm.lane, mm.mean_us) == ("cpu", 20)
    assert (addmm.lane, addmm.mean_us, addmm.launches, addmm.host_us) == ("gpu", 20, 0, 20)
    assert profile.unclaimed_us == 4


def test_kernels_that_overlap_leave_no_gap_between_them(tmp_path: Path) -> None:
    profile = imported(
        tmp_path,
        one_step(
            event("aten::a", "cpu_op", 0.0, 10.0),
            launch(1.0, 2.0, 1),
            kernel(20.0, 60.0, 1),
            event("aten::b", "cpu_op", 10.0, 20.0),
            launch(11.0, 12.0, 2),
            kernel(30.0, 40.0, 2, stream=8),
            event("aten::c", "cpu_op", 20.0, 30.0),
            launch(21.0, 22.0, 3),
            kernel(65.0, 70.0, 3),
        ),
    )
    assert [row.gap_before_us for row in profile.operators] == [20 + 1000 - 70, 0, 5]


def test_other_threads_are_left_out_and_counted(tmp_path: Path) -> None:
    """A thread that loads data calls operators, too."""
    loading = [event("aten::stack", "cpu_op", 100.0 + n, 100.5 + n, tid=99) for n in range(3)]
    profile = imported(tmp_path, [*step(1, 0.0), *loading])
    assert profile.other_operators == 3
    assert "aten::stack" not in {row.operator for row in profile.operators}


def test_a_thread_that_trains_something_else_is_one_of_them(tmp_path: Path) -> None:
    """It runs autograd's nodes as well, and not only these; its operators end when they like."""
    other = [
        event("aten::mm", "cpu_op", 100.0, 110.0, tid=99),
        event("autograd::engine::evaluate_function: MmBackward0", "cpu_op", 120.0, 180.0, tid=99),
        event("aten::bmm", "cpu_op", 130.0, 170.0, tid=99),
        event("aten::cat", "cpu_op", 900.0, 1100.0, tid=99),
    ]
    profile = imported(tmp_path, [*step(1, 0.0), *other])
    assert profile.other_operators == 3
    assert profile.operators == imported(tmp_path, step(1, 0.0)).operators


def test_fused_kernels_and_functions_of_ones_own(tmp_path: Path) -> None:
    """A name without a namespace is an operator where nothing inside it is; autograd's own
    bookkeeping never is."""
    profile = imported(
        tmp_path,
        one_step(
            event("MyFunction", "cpu_op", 0.0, 10.0),
            event("aten::mul", "cpu_op", 1.0, 9.0),
            event("triton_poi_fused_add_0", "cpu_op", 10.0, 20.0),
            event("cuLaunchKernel", "cuda_driver", 12.0, 15.0, correlation=1),
            kernel(16.0, 26.0, 1),
            event("torch::autograd::AccumulateGrad", "cpu_op", 30.0, 40.0),
            event("ViewBackward0", "cpu_op", 40.0, 50.0),
        ),
    )
    names = [(row.operator, row.lane) for row in profile.operators]
    assert names == [("aten::mul", "cpu"), ("triton_poi_fused_add_0", "gpu")]
