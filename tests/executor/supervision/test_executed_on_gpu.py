"""A queue executed on slots of a real GPU and of the CPU. Skipped without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from executed_workloads import MIB, tiny
from gpu_machines import CONTEXT, PEAK, execute_on, layout_of, problem_on, with_gpus

from profiles.machines.gpu_meter import GpuMeter
from rmixer.data.prepare import prepare
from rmixer.policies import make_policy
from rmixer.scheduling.problem import problem_of

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
    pytest.mark.usefixtures("rmixer_home"),
]


def test_slots_of_both_kinds_train(tmp_path: Path) -> None:
    """Peaks are measured, and the memory is given back."""
    prepare("criteo_kaggle", "synthetic")
    meter = GpuMeter.open(0)
    before = meter.used_bytes() if meter else 0
    problem = problem_on(with_gpus(), *(tiny(name, steps=200) for name in "abcdef"))
    executed = execute_on(problem, make_policy("dySequ"), layout_of(2, 1), tmp_path)
    assert executed.failure is None
    assert [line.state for line in executed.summary.jobs] == ["done"] * 6
    on_gpu = [line for line in executed.summary.jobs if line.device == "gpu:0"]
    assert 0 < len(on_gpu) < 6
    assert all(CONTEXT < line.peak_bytes != PEAK for line in on_gpu)
    if meter is not None:
        assert meter.used_bytes() < before + 64 * MIB
        meter.close()


def test_a_job_that_needs_more_than_promised_is_tried_again(tmp_path: Path) -> None:
    prepare("criteo_kaggle", "synthetic")
    problem = problem_on(with_gpus(), tiny("more", rows_cap=100_000))
    (each,) = problem.jobs
    memory = tuple(
        replace(m, peak_bytes=CONTEXT * 3 // 4, context_bytes=CONTEXT) if m.device == "gpu" else m
        for m in each.profile.memory
    )
    profiles = {each.key: replace(each.profile, memory=memory)}
    tight = problem_of(problem.workload, problem.machine, profiles)
    executed = execute_on(tight, make_policy("dySequ"), layout_of(1, 0), tmp_path)
    (line,) = executed.summary.jobs
    assert (line.state, set(line.causes)) == ("done", {"out_of_memory"})
