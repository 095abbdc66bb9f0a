"""A schedule that compiled code walks whole is the one that SimPy's processes walk."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from quickstart_like import MODELS, profiles
from simpy import Environment, Event
from simpy_walk import WalkProgress

import sim.job_level.simulate
from rmixer.policies.rmixer.queue_policies import DySequ
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.scheduling.view import ClusterView, Dispatch
from rmixer.testing.made_up import make_job, make_machine, make_workload
from sim import Uncontended, simulate
from sim.job_level.simulate import SimulatedRun

MACHINE = make_machine(cores=4, gpus=2, memory_bytes=64 << 30)
PROFILES = profiles(gpu=True, cpu=True)
LAYOUTS = {
    "GPUs and CPU": Layout(
        (DeviceSlots("gpu:0", 2, 1), DeviceSlots("gpu:1", 1, 1), DeviceSlots("cpu:0", 1, 1))
    ),
    "one GPU": Layout((DeviceSlots("gpu:0", 4, 1),)),
    "two threads a slot": Layout((DeviceSlots("cpu:0", 2, 2),)),
    "shared cores": Layout((DeviceSlots("gpu:0", 2, 1), DeviceSlots("cpu:0", 3, 2)), in_turn=True),
}


class Watching(DySequ):
    """Writes down when it is asked, and what each running job has made by then."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[float, ...]] = []

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        running = sorted(r.job for device in view.devices.values() for r in device.residents)
        self.seen.append((view.now_s, *map(view.steps_done, running)))
        return super().decide(view)


def problem(seed: int) -> Problem:
    """Up to nine jobs, like ones among them; half of them arrive at once."""
    draw = Random(seed)
    jobs = [
        make_job(
            f"job-{index}",
            draw.choice(list(MODELS)),
            steps=draw.randint(1, 60),
            arrival_s=draw.choice([0.0, draw.uniform(0, 2)]),
        )
        for index in range(draw.randint(1, 9))
    ]
    return problem_of(make_workload(*jobs), MACHINE, PROFILES)


def walked(seed: int, layout: Layout) -> tuple[SimulatedRun, list[tuple[float, ...]]]:
    policy = Watching()
    run = simulate(problem(seed), policy, layout, Uncontended(PROFILES), level="operator")
    return run, policy.seen


def by_processes(env: Environment, problem: Problem, layout: Layout) -> WalkProgress:
    return WalkProgress(env, problem.profiles, problem.machine)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("seed", range(6))
def test_both_walks_are_one_schedule(
    seed: int, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_numba, asked = walked(seed, LAYOUTS[layout])
    monkeypatch.setattr(sim.job_level.simulate, "whole_walk", by_processes)
    by_simpy, asked_by_simpy = walked(seed, LAYOUTS[layout])
    assert by_numba.bookings == pytest.approx(by_simpy.bookings)
    assert len(asked) == len(asked_by_simpy)
    for ours, its in zip(asked, asked_by_simpy, strict=True):
        assert ours == pytest.approx(its, rel=1e-9, abs=1e-9)
    for ours, its in zip(by_numba.timeline, by_simpy.timeline, strict=True):
        assert (ours.job, ours.kind, ours.device, ours.slot) == (
            *(its.job, its.kind, its.device, its.slot),
        )
        times = [(row.start_s, row.duration_s, row.steps) for row in (ours, its)]
        assert times[0] == pytest.approx(times[1], rel=1e-9, abs=1e-9)
    share = by_simpy.transient_fraction
    assert by_numba.transient_fraction == pytest.approx(share, rel=1e-9, abs=1e-9)


def test_one_job_alone_takes_what_its_profile_says() -> None:
    alone = problem_of(make_workload(make_job("a", "criteo_dlrm", steps=105)), MACHINE, PROFILES)
    run = simulate(
        *(alone, DySequ(), Layout((DeviceSlots("gpu:0", 1, 1),)), Uncontended(PROFILES)),
        level="operator",
    )
    # Build, warm-up of 5 steps, 100 steps of 5 ms, evaluate, save.
    assert run.summary.makespan_s == pytest.approx(0.2 + 0.15 + 100 * 0.005 + 0.1 + 0.05)


def test_the_clock_sees_no_step_of_a_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the steps, and not one event more."""
    events: list[object] = []
    schedule = Environment.schedule

    def counted(env: Environment, event: Event, *more: Any, **named: Any) -> None:
        events.append(event)
        schedule(env, event, *more, **named)

    monkeypatch.setattr(Environment, "schedule", counted)
    counts = []
    for steps in (200, 2000):
        events.clear()
        jobs = [make_job(str(index), "criteo_dlrm", steps=steps) for index in range(2)]
        given = problem_of(make_workload(*jobs), MACHINE, PROFILES)
        layout = Layout((DeviceSlots("gpu:0", 2, 1),))
        simulate(given, DySequ(), layout, Uncontended(PROFILES), level="operator")
        counts.append(len(events))
    assert counts[0] == counts[1]
