"""What is said of an imported profile whose parts do not come to its step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gpu_trace import SECOND, event, write_trace
from plain_steps import in_steps, training

from profiles.traces.imported import import_trace
from profiles.traces.left_out import warnings_of
from rmixer.imported.imported_profile import ImportedProfile

SHAPELESS = (
    "t: no operator has Input Dims and Input type, so FLOPs and bytes are unknown: record "
    "with `record_shapes=True`"
)
WHAT_TO_DO = "say its length by `--step-ms`, or import a trace with a synchronisation in each step"


def ahead(folder: Path, kernel_us: float) -> ImportedProfile:
    """The host calls a step in 300 us, whose three kernels begin when those before are over."""
    steps = []
    for number in range(6):
        begin = (3 * kernel_us - 300.0) * number + 20.0
        step = training(number)
        for which, at in enumerate((12.0, 64.0, 237.0)):
            start = begin + which * kernel_us
            step += [
                event("cudaLaunchKernel", "cuda_runtime", at, at + 2.0, correlation=which + 1),
                event("gemm", "kernel", start, start + kernel_us, correlation=which + 1),
            ]
        steps.append(step)
    return import_trace(write_trace(folder / "t.json", in_steps(steps)), "t")


def test_a_device_that_works_longer_than_the_step(tmp_path: Path) -> None:
    """600 us; the host's clock has nothing of it."""
    found = ahead(tmp_path, 200.0)
    assert (found.profiled_mean_us, found.closure["gpu"] > 1) == (300, True)
    assert warnings_of(found) == [
        SHAPELESS,
        "t: the gpu works 0.600 ms a step, longer than the step of 0.300 ms, which is taken from "
        f"the host, and that runs ahead: {WHAT_TO_DO}",
    ]
    assert warnings_of(replace(found, step_us=600.0)) == [SHAPELESS]


def test_a_device_that_keeps_up(tmp_path: Path) -> None:
    found = ahead(tmp_path, 100.0)
    assert found.closure["gpu"] == pytest.approx(0, abs=0.06)
    assert warnings_of(found) == [SHAPELESS]


@pytest.mark.parametrize(("copy_us", "warned"), [(17.0, False), (19.0, True)])
def test_a_closure_beyond_6_percent(tmp_path: Path, copy_us: float, warned: bool) -> None:
    """A copy by autograd's thread that lies in the optimizer's last operator counts twice: 17 and
    19 us of 300."""
    steps = []
    for number in range(4):
        step = training(number, SECOND)
        step[-1] = event("aten::add_", "cpu_op", 235.0, 255.0)
        copy = event("aten::copy_", "cpu_op", 235.5, 235.5 + copy_us, SECOND)
        steps.append([*step, copy])
    found = import_trace(write_trace(tmp_path / "t.json", in_steps(steps)), "t")
    assert found.closure == {"cpu": pytest.approx(copy_us / 300.0)}
    expected = [
        SHAPELESS,
        "t: operators and gaps on the cpu come to 106% of the step: where the host runs ahead of "
        f"the device, {WHAT_TO_DO}; work at the same time on several streams or threads counts "
        "twice",
    ]
    assert warnings_of(found) == (expected if warned else [SHAPELESS])
