"""``sequential`` and ``all_at_once`` by hand-made cases."""

from __future__ import annotations

from fake_clock import FakeJob, machine, order, run

from rmixer.policies import make_policy
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout


def test_sequential_runs_one_job_at_a_time_in_order_of_submission() -> None:
    policy = make_policy("sequential")
    jobs = [FakeJob("b", 10, duration_s=3), FakeJob("a", 90, "compute", duration_s=2)]
    layout = policy.layout(machine(cores=4), len(jobs), Cut(cpu_slots=2))
    starts = run(machine(cores=4), layout, jobs, policy)
    assert [(s.at_s, s.job) for s in starts] == [(0, "b"), (3, "a")]


def test_sequential_uses_all_cores_and_the_first_device() -> None:
    policy = make_policy("sequential")
    on_cpu = Layout((DeviceSlots("cpu:0", 1, 4),))
    assert policy.layout(machine(cores=4), 6, Cut(cpu_slots=1, cpu_threads=4)) == on_cpu
    assert policy.layout(machine(cores=4), 6, Cut(cpu_slots=2)) == on_cpu
    with_gpus = machine(cores=4, gpu_mib=(8000, 8000))
    assert policy.layout(with_gpus, 6, Cut(gpu_slots=2)) == Layout(
        (DeviceSlots("gpu:0", 1, 4), DeviceSlots("cpu:0", 1, 4)), in_turn=True
    )


def test_sequential_waits_for_a_job_that_arrives_later() -> None:
    policy = make_policy("sequential")
    jobs = [FakeJob("late", 10, arrival_s=7), FakeJob("early", 10, duration_s=2)]
    starts = run(machine(), policy.layout(machine(), 2, Cut(cpu_slots=1)), jobs, policy)
    assert [(s.at_s, s.job) for s in starts] == [(0, "early"), (7, "late")]


def test_all_at_once_starts_every_job_with_one_thread() -> None:
    policy = make_policy("all_at_once")
    jobs = [FakeJob(f"j{i}", 10) for i in range(5)]
    layout = policy.layout(machine(cores=2), len(jobs), Cut(cpu_slots=1, cpu_threads=2))
    assert layout == Layout((DeviceSlots("cpu:0", 5, 1),), in_turn=True)
    starts = run(machine(cores=2), layout, jobs, policy)
    assert {s.at_s for s in starts} == {0}
    assert order(starts) == [job.id for job in jobs]


def test_all_at_once_takes_the_cores_in_turn() -> None:
    layout = make_policy("all_at_once").layout(machine(cores=2), 5, Cut(cpu_slots=1))
    cores = [layout.cores(machine(cores=2), "cpu:0", slot) for slot in range(5)]
    assert cores == [(0,), (1,), (0,), (1,), (0,)]


def test_all_at_once_takes_the_gpus_in_turn() -> None:
    policy = make_policy("all_at_once")
    two_gpus = machine(gpu_mib=(8000, 8000))
    jobs = [FakeJob(f"j{i}", 10) for i in range(4)]
    starts = run(two_gpus, policy.layout(two_gpus, 4, Cut(gpu_slots=1)), jobs, policy)
    assert [s.device for s in starts] == ["gpu:0", "gpu:1", "gpu:0", "gpu:1"]


def test_all_at_once_holds_back_what_memory_does_not_permit() -> None:
    policy = make_policy("all_at_once")
    jobs = [FakeJob("a", 500), FakeJob("b", 500), FakeJob("c", 100)]
    small = machine(cpu_mib=1000)
    starts = run(small, policy.layout(small, 3, Cut(cpu_slots=1)), jobs, policy)
    assert [(s.at_s, s.job) for s in starts] == [(0, "a"), (0, "c"), (1, "b")]
