"""A machine with GPUs on which every job is profiled: simulated on them, executed beside them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.stages.inputs import inputs_of
from experiments.stages.pipeline import Voice, plan
from experiments.stages.search_wish import Asked
from profiles.stored.store import Store
from rmixer.testing.made_up import (
    make_job,
    make_machine,
    make_operator,
    make_profile,
    make_step,
    make_workload,
)

MACHINE = make_machine(cores=1, gpus=1)
WORKLOAD = make_workload(make_job())


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A step of 10 ms on the CPU and of 1 ms on the GPU."""
    found = Store(tmp_path / "own", tmp_path / "recorded")
    found.save_machine(MACHINE)
    monkeypatch.setattr(found, "known_machine", lambda: MACHINE)
    rows = [make_operator(9e3), make_operator(900.0, lane="gpu", host_us=50.0)]
    steps = [make_step(mean_us=1e4), make_step("gpu", mean_us=1e3)]
    found.save(replace(make_profile(steps=steps, operators=rows), origin="measured"))
    return found


def test_a_simulation_has_the_gpu_and_an_execution_has_not(store: Store) -> None:
    assert inputs_of(WORKLOAD, None, store, print).machine.gpus == MACHINE.gpus
    executed = inputs_of(WORKLOAD, None, store, print, "execute")
    assert executed.machine == replace(MACHINE, gpus=())


def test_a_run_is_planned_for_the_cores(store: Store) -> None:
    """A hundred steps of 10 ms."""

    def bar(title: str) -> AbstractContextManager[Any]:
        return nullcontext(lambda done, total: None)

    def watch(title: str, jobs: int) -> AbstractContextManager[Any]:
        raise AssertionError("nothing is executed")

    def searching(asked: Asked) -> AbstractContextManager[None]:
        assert not asked.any, "a plan does not search"
        return nullcontext()

    sweep = plan(WORKLOAD, store, Voice(print, bar, watch, searching)).sweep
    assert sweep is not None
    assert {entry.device for entry in sweep.schedule.settings.layout.devices} == {"cpu:0"}
    assert sweep.predicted.summary.makespan_s == pytest.approx(1.0, rel=0.01)
