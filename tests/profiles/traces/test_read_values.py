"""Values that some steps read, as for a log, are no training: those steps train alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from gpu_trace import Event, event, write_trace
from plain_steps import in_steps, training, write_steps

from profiles.traces.imported import import_trace


@pytest.mark.parametrize("marks", [True, False])
@pytest.mark.parametrize("begin", [20.0 + 11.0, 50.0, 215.0, 261.0])
@pytest.mark.parametrize("name", ["aten::item", "aten::_local_scalar_dense", "aten::is_nonzero"])
def test_on_the_host(tmp_path: Path, name: str, begin: float, marks: bool) -> None:
    """8 us in every second step, which is 40 us longer: before, between and after the passes."""
    read = [event(name, "cpu_op", begin, begin + 8.0)]
    path = write_steps(
        tmp_path / "t.json", *[[], read] * 4, lengths=[300.0, 340.0] * 4, marks=marks
    )
    found = import_trace(path, "t")
    assert found.steps_used == found.steps_found >= 6
    assert found.profiled_mean_us == pytest.approx(320, abs=0 if marks else 4)
    (row,) = [row for row in found.operators if row.operator == name]
    assert row.mean_us == pytest.approx(8 * 0.5, abs=0 if marks else 1)
    assert found.closure == {"cpu": pytest.approx(0)}


@pytest.mark.parametrize("begin", [50.0, 215.0, 261.0])
def test_a_loss_that_is_cut_off_first(tmp_path: Path, begin: float) -> None:
    """``loss.detach().item()`` in every second step."""
    read = [
        event("aten::detach", "cpu_op", begin, begin + 2.0),
        event("aten::item", "cpu_op", begin + 3.0, begin + 7.0),
    ]
    found = import_trace(write_steps(tmp_path / "t.json", *[[], read] * 4), "t")
    assert found.steps_used == 8
    means = {row.operator: row.mean_us for row in found.operators}
    assert (means["aten::detach"], means["aten::item"]) == (1, 2)


@pytest.mark.parametrize("name", ["aten::to", "aten::copy_", "aten::_to_copy"])
@pytest.mark.parametrize("begin", [45.0, 215.0, 265.0])
def test_a_copy_to_the_host(tmp_path: Path, name: str, begin: float) -> None:
    """4 us on the link in one of four steps, between the passes and after them."""
    copy = [
        event(name, "cpu_op", begin, begin + 8.0),
        event("cudaMemcpyAsync", "cuda_runtime", begin + 1.0, begin + 7.0, correlation=1),
        event("Memcpy DtoH (Device -> Pageable)", "gpu_memcpy", begin + 2.0, begin + 6.0,
              correlation=1),
    ]  # fmt: skip
    found = import_trace(write_steps(tmp_path / "t.json", [], copy, [], []), "t")
    assert found.steps_used == 4
    (row,) = [row for row in found.operators if row.lane == "link"]
    assert (row.operator, row.mean_us) == (name, 1)


@pytest.mark.parametrize("name", ["aten::item", "aten::to", "aten::copy_"])
def test_on_a_gpu_that_is_behind(tmp_path: Path, name: str) -> None:
    """Two steps of 300 us give the device 600 us of work each, the third takes 1230 us, of which it
    waits 958 for the device: (300 + 300 + 1230) / 3 = 610."""
    steps: list[list[Event]] = []
    for number in range(6):
        third = number % 3
        begin = 600.0 * third - 300.0 * third
        step = [
            *training(number),
            *(
                event("cudaLaunchKernel", "cuda_runtime", at, at + 2.0, correlation=which)
                for which, at in ((1, 12.0), (2, 64.0), (3, 237.0))
            ),
            event("gemm", "kernel", begin + 20.0, begin + 220.0, correlation=1),
            event("gemm", "kernel", begin + 220.0, begin + 520.0, correlation=2),
            event("axpy", "kernel", begin + 520.0, begin + 620.0, correlation=3),
        ]
        if third == 2:
            step += [
                event(name, "cpu_op", 262.0, 1226.0),
                event("cudaMemcpyAsync", "cuda_runtime", 264.0, 266.0, correlation=4),
                event("cudaStreamSynchronize", "cuda_runtime", 267.0, 1225.0, correlation=5),
                event("Memcpy DtoH (Device -> Pageable)", "gpu_memcpy", 1220.0, 1223.0,
                      correlation=4),
            ]  # fmt: skip
        steps.append(step)
    events = in_steps(steps, [300.0, 300.0, 1230.0] * 2)
    found = import_trace(write_trace(tmp_path / "t.json", events), "t")
    assert (found.steps_used, found.profiled_mean_us) == (6, 610)
    assert [(row.operator, row.lane, row.mean_us) for row in found.operators] == [
        ("aten::addmm", "gpu", 200),
        ("aten::mm", "gpu", 300),
        ("aten::add_", "gpu", 100),
        (name, "link", 1),
    ]
    assert found.operators[-1].wait_us == pytest.approx(958 / 3)
