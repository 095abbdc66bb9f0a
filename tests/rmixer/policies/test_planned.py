"""Replay of a schedule, by hand-made cases and against the rule written down once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import pytest
from fake_clock import CPU_MIB, FakeJob, Start, machine, run, slots
from hypothesis import given
from hypothesis import strategies as st
from random_runs import Scene, scenes

from rmixer.policies.baselines.planned import Planned
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.schedule import Schedule, ScheduledJob, Settings
from rmixer.scheduling.view import Barrier


def schedule(layout: Layout, *rows: tuple[str, int, int]) -> Schedule:
    """A schedule of ``(job, slot, round)`` on the CPU, in this order."""
    dispatches = (
        ScheduledJob(order, in_round, job, ("cpu:0",), slot, 1, "device", "process")
        for order, (job, slot, in_round) in enumerate(rows)
    )
    return Schedule("", "made-up", "dySequ", Settings(0, layout), tuple(dispatches))


def replay(
    *rows: tuple[str, int, int], jobs: Sequence[FakeJob], cpu_mib: int = CPU_MIB
) -> list[tuple[int, str, int]]:
    """What a replay starts on two slots of a CPU: ``(time, job, slot)``."""
    layout = slots(cpu0=2)
    starts = run(machine(cpu_mib=cpu_mib), layout, jobs, Planned(schedule(layout, *rows)))
    return [(start.at_s, start.job, start.slot) for start in starts]


def test_a_job_starts_when_its_own_slot_is_free() -> None:
    jobs = [FakeJob("a", 1, duration_s=5), FakeJob("b", 1, duration_s=1), FakeJob("c", 1)]
    # Slot 1 is free from 1 on, but c is planned for slot 0.
    starts = replay(("a", 0, 0), ("b", 1, 0), ("c", 0, 0), jobs=jobs)
    assert starts == [(0, "a", 0), (0, "b", 1), (5, "c", 0)]


def test_the_earlier_orders_of_a_slot_start_first() -> None:
    jobs = [FakeJob("late", 1, arrival_s=4), FakeJob("next", 1), FakeJob("other", 1)]
    starts = replay(("late", 0, 0), ("next", 0, 0), ("other", 1, 0), jobs=jobs)
    assert starts == [(0, "other", 1), (4, "late", 0), (5, "next", 0)]


def test_the_order_counts_and_not_the_place_in_the_file() -> None:
    layout = slots(cpu0=1)
    plan = schedule(layout, ("a", 0, 0), ("b", 0, 0))
    plan = replace(plan, dispatches=plan.dispatches[::-1])
    starts = run(machine(), layout, [FakeJob("a", 1), FakeJob("b", 1)], Planned(plan))
    assert [start.job for start in starts] == ["a", "b"]


def test_a_round_opens_when_every_job_of_the_earlier_ones_has_ended() -> None:
    jobs = [
        FakeJob("a", 1, duration_s=1),
        FakeJob("b", 1, duration_s=6, fails=True),
        FakeJob("c", 1),
    ]
    starts = replay(("a", 0, 0), ("b", 1, 0), ("c", 0, 1), jobs=jobs)
    assert starts == [(0, "a", 0), (0, "b", 1), (6, "c", 0)]


def test_a_barrier_of_one_device_waits_for_that_device_alone() -> None:
    """a runs on the GPU for 5 s, b on the CPU for 1 s. c is of the next round, on the CPU: it
    starts at 1 behind a barrier of its device, at 5 behind one of the machine."""
    jobs = [FakeJob("a", 1, duration_s=5), FakeJob("b", 1, duration_s=1), FakeJob("c", 1)]
    layout = slots(gpu0=1, cpu0=1)
    starts = {}
    for barrier in ("device", "machine"):
        plan = schedule(layout, ("a", 0, 0), ("b", 0, 0), ("c", 0, 1))
        on_gpu, *others = (replace(each, barrier=barrier) for each in plan.dispatches)
        on_gpu = replace(on_gpu, devices=("gpu:0",))
        plan = replace(plan, dispatches=(on_gpu, *others))
        *_, last = run(machine(gpu_mib=(8000,)), layout, jobs, Planned(plan))
        starts[barrier] = (last.job, last.at_s)
    assert starts == {"device": ("c", 1), "machine": ("c", 5)}


@pytest.mark.parametrize(("memory", "at_s"), [("margin", 3), ("peak", 0), ("none", 0)])
def test_the_memory_check_is_that_of_the_policy_that_planned(memory: str, at_s: int) -> None:
    """500 and 400 MiB on 1000: below it as they are, above it with a fifth more."""
    plan = schedule(slots(cpu0=2), ("a", 0, 0), ("b", 1, 0))
    plan = replace(plan, settings=replace(plan.settings, memory=memory))  # type: ignore[arg-type]
    jobs = [FakeJob("a", 500, duration_s=3), FakeJob("b", 400)]
    starts = run(machine(cpu_mib=1000), slots(cpu0=2), jobs, Planned(plan))
    assert [start.at_s for start in starts] == [0, at_s]


def test_a_round_waits_for_a_job_that_has_not_arrived() -> None:
    jobs = [FakeJob("late", 1, arrival_s=3), FakeJob("c", 1)]
    starts = replay(("late", 0, 0), ("c", 1, 1), jobs=jobs)
    assert starts == [(3, "late", 0), (4, "c", 1)]


def test_a_job_waits_until_its_memory_fits() -> None:
    jobs = [FakeJob("a", 600, duration_s=3), FakeJob("b", 600), FakeJob("c", 100)]
    starts = replay(("a", 0, 0), ("b", 1, 0), ("c", 0, 0), jobs=jobs, cpu_mib=1000)
    assert starts == [(0, "a", 0), (3, "b", 1), (3, "c", 0)]


def test_it_keeps_the_layout_of_the_schedule() -> None:
    layout = slots(cpu0=2)
    policy = Planned(schedule(layout, ("a", 0, 0)))
    assert policy.layout(machine(), 1, Cut(cpu_slots=9, cpu_threads=9)) is layout
    assert policy.layout(machine(), 5, Cut(cpu_slots=1)) is layout


@given(data=st.data(), scene=scenes(max_jobs=6))
def test_a_replay_keeps_to_the_rule(data: st.DataObject, scene: Scene) -> None:
    places = [(entry.device, slot) for entry in scene.layout.devices for slot in range(entry.slots)]
    threads = {entry.device: entry.threads for entry in scene.layout.devices}
    rows = []
    for order, job in enumerate(data.draw(st.permutations(scene.jobs))):
        device, slot = data.draw(st.sampled_from(places))
        in_round = data.draw(st.integers(0, 2))
        barrier = data.draw(st.sampled_from(get_args(Barrier)))
        rows.append(
            ScheduledJob(
                order,
                in_round,
                job.id,
                (device,),
                slot,
                threads[device],
                "device",
                "process",
                barrier,
            )
        )
    plan = Schedule("", "made-up", "search", Settings(0, scene.layout), tuple(rows))
    starts = run(scene.machine, scene.layout, scene.jobs, Planned(plan), scene.used_mib)
    assert starts == by_the_rule(rows, scene)


def by_the_rule(rows: Sequence[ScheduledJob], scene: Scene) -> list[Start]:
    """At every event the lowest order that may start does so, until none may."""
    jobs = {job.id: job for job in scene.jobs}
    memory = {device.name: device.memory_bytes >> 20 for device in scene.machine.devices}
    slots_of = {entry.device: entry.slots for entry in scene.layout.devices}
    booked = dict(scene.used_mib)
    began: dict[str, int] = {}
    starts: list[Start] = []

    def ends(row: ScheduledJob) -> float:
        return (
            began[row.job] + jobs[row.job].lasts_s(*row.devices)
            if row.job in began
            else float("inf")
        )

    def is_behind(row: ScheduledJob, other: ScheduledJob) -> bool:
        return row.barrier == "machine" or row.devices == other.devices

    def may_start(row: ScheduledJob, now: int) -> bool:
        (device,) = row.devices
        same_place = [r for r in rows if (r.devices, r.slot) == (row.devices, row.slot)]
        return (
            row.job not in began
            and jobs[row.job].arrival_s <= now
            and all(r.job in began for r in same_place if r.order < row.order)
            and all(ends(r) <= now for r in same_place if r.job in began)
            and all(ends(r) <= now for r in rows if r.round < row.round and is_behind(row, r))
            and jobs[row.job].mib(device) * 6 // 5 + booked[device] < memory[device]
        )

    for now in range(6 + 4 * len(rows)):
        for row in rows:
            (device,) = row.devices
            if ends(row) == now:
                booked[device] -= jobs[row.job].mib(device) * 6 // 5
                if device.startswith("gpu"):
                    booked[device] = max(booked[device], 308 * slots_of[device])
        while ready := [row for row in rows if may_start(row, now)]:
            first = ready[0]
            began[first.job] = now
            booked[first.devices[0]] += jobs[first.job].mib(first.devices[0]) * 6 // 5
            starts.append(Start(now, first.job, first.devices[0], first.slot))
    return starts


def test_an_added_job_takes_a_slot_that_the_schedule_has_done_with() -> None:
    """Slot 1 is done with when c has started there, which is over at 3; slot 0 only at 6."""
    jobs = [
        FakeJob("a", 1, duration_s=5),
        FakeJob("b", 1, duration_s=1),
        FakeJob("c", 1, duration_s=2),
        FakeJob("d", 1, duration_s=1),
        FakeJob("x", 1, duration_s=10),
        FakeJob("y", 1, duration_s=1),
    ]
    starts = replay(("a", 0, 0), ("b", 1, 0), ("c", 1, 0), ("d", 0, 0), jobs=jobs)
    assert starts == [
        (0, "a", 0),
        (0, "b", 1),
        (1, "c", 1),
        (3, "x", 1),
        (5, "d", 0),
        (6, "y", 0),
    ]


def test_an_added_job_that_does_not_fit_lets_the_next_one_go_first() -> None:
    """1.2 times their memory beside a's is just too much for x, and not for y."""
    jobs = [
        FakeJob("a", CPU_MIB // 2, duration_s=2),
        FakeJob("x", CPU_MIB // 2, duration_s=1),
        FakeJob("y", CPU_MIB // 8, duration_s=1),
    ]
    assert replay(("a", 0, 0), jobs=jobs) == [(0, "a", 0), (0, "y", 1), (2, "x", 0)]
