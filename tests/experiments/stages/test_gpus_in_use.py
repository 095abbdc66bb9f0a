"""Which GPUs of a machine a run uses, and what it says of them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.stages import execution
from experiments.stages.execution import ExecutionRequest, check_execution
from experiments.stages.inputs import inputs_of
from experiments.stages.machine_in_use import check_gpus, use_of
from experiments.stages.pipeline import plan
from experiments.stages.voice import Voice
from profiles.machines import limits
from profiles.machines.gpu_meter import GpuMeter
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.hardware.allowance import allowance_of
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.problem import problem_of
from rmixer.testing.made_up import (
    GIB,
    by_key,
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


def bar(title: str) -> AbstractContextManager[Any]:
    return nullcontext(lambda done, total: None)


def watch(title: str, jobs: int) -> AbstractContextManager[Any]:
    raise AssertionError("nothing is executed")


VOICE = Voice(print, bar, watch)


@pytest.mark.parametrize(
    ("gpus", "device", "makespan_s"),
    [(None, "gpu:0", 0.1), ("0", "gpu:0", 0.1), ("none", "cpu:0", 1)],
)
def test_a_run_is_planned_for_gpus_unless_told_otherwise(
    store: Store, gpus: str | None, device: str, makespan_s: float
) -> None:
    """A hundred steps: of 1 ms on the GPU, of 10 ms on the CPU."""
    assert inputs_of(WORKLOAD, None, store, print).machine.gpus == MACHINE.gpus
    sweep = plan(WORKLOAD, store, VOICE, allowance_of(None, [], gpus)).sweep
    assert sweep is not None
    assert [job.device for job in sweep.predicted.summary.jobs] == [device]
    assert sweep.predicted.summary.makespan_s == pytest.approx(makespan_s, rel=0.01)


@pytest.mark.parametrize(("seen", "said"), [(0, "it sees none"), (1, "it sees 1")])
def test_a_gpu_that_is_not_seen_is_refused_in_a_line(
    seen: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "usable_gpus", lambda: seen)
    chosen = allowance_of(None, [], "1").of(make_machine(gpus=2))
    with pytest.raises(InputError) as raised:
        check_gpus(chosen)
    found = "machine made-up: gpus: found gpu:1, which this process does not see; "
    allowed = f"allowed: a schedule without: {said} (CUDA_VISIBLE_DEVICES and the driver decide)"
    assert str(raised.value) == found + allowed
    monkeypatch.setattr(limits, "usable_gpus", lambda: 2)
    check_gpus(chosen)


def test_a_line_says_which_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Meter:
        def used_bytes(self) -> int:
            return 3 << 30

        def close(self) -> None:
            pass

    opened: list[int] = []

    def meter(number: int) -> Meter | None:
        opened.append(number)
        return Meter() if number == 2 else None

    monkeypatch.setattr(GpuMeter, "open", meter)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    machine = make_machine(gpus=3)
    line = use_of(allowance_of(None, [], "0,2").of(machine))
    assert "; on gpu:0 (made up 0, 16.0 GiB of memory), gpu:2 (made up 2, 16.0 GiB" in line
    assert line.endswith("of memory, 3.00 GiB of it in use by others)")
    assert set(opened) == {0, 2}
    assert "gpu" not in use_of(allowance_of(None, [], "none").of(machine))


@pytest.mark.parametrize(("slots", "fits"), [(4, True), (6, False)])
def test_contexts_of_idle_workers_leave_less_for_a_job(
    slots: int, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a GPU of 16 GiB five contexts of 1 GiB leave 11 GiB; a job needs 1.2 x 10 GiB."""
    for name, value in (("check_gpus", None), ("check_cores", None), ("held_bytes", {})):
        monkeypatch.setattr(execution, name, lambda machine, value=value: value)
    job, machine = make_job(), make_machine(cores=8, gpus=1, memory_bytes=8 * GIB)
    made = make_profile(steps=[make_step(), make_step("gpu")], peak_bytes=10 * GIB)
    memory = tuple(replace(each, context_bytes=GIB) for each in made.memory)
    problem = problem_of(make_workload(job), machine, by_key(replace(made, memory=memory)))
    request = ExecutionRequest(problem, Layout((DeviceSlots("gpu:0", slots, 1),)), "dySequ")
    if fits:
        check_execution(request)
        return
    with pytest.raises(InputError, match=r"12\.00 GiB on gpu:0; .* gpu:0 has 11\.00 GiB"):
        check_execution(request)
