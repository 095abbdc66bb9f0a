"""``dySequ``, ``dyRand`` and ``dyType`` by hand-made cases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_clock import MIB, FakeJob, Start, machine, order, run, slots, submit

from rmixer.policies import make_policy
from rmixer.scheduling.cluster import Cluster

ONE_SLOT = slots(cpu0=1)


def queue_order(policy: str, jobs: list[FakeJob], seed: int = 0) -> list[str]:
    """The order in which a machine of one slot works off ``jobs``."""
    return order(run(machine(), ONE_SLOT, jobs, make_policy(policy, seed)))


def test_dysequ_takes_compute_before_memory_before_low() -> None:
    jobs = [FakeJob("l", 30, "low"), FakeJob("m", 20, "memory"), FakeJob("c", 10, "compute")]
    assert queue_order("dySequ", jobs) == ["c", "m", "l"]


def test_dysequ_takes_the_larger_of_one_type_first() -> None:
    jobs = [FakeJob("small", 10), FakeJob("large", 30), FakeJob("middle", 20)]
    assert queue_order("dySequ", jobs) == ["large", "middle", "small"]


@pytest.mark.parametrize("policy", ["dySequ", "dyType"])
def test_equal_jobs_keep_the_order_of_submission(policy: str) -> None:
    jobs = [FakeJob(name, 10) for name in ("z", "a", "m")]
    assert queue_order(policy, jobs) == ["z", "a", "m"]


def test_the_first_in_order_that_fits_is_taken() -> None:
    jobs = [FakeJob("huge", 900, "compute"), FakeJob("big", 700), FakeJob("small", 90, "low")]
    # 1.2 x 900 = 1080 leaves 920 of 2000 MiB: big (840) fits beside it, then small (108) does not.
    starts = run(machine(cpu_mib=2000), slots(cpu0=3), jobs, make_policy("dySequ"))
    assert [(s.at_s, s.job) for s in starts] == [(0, "huge"), (0, "big"), (1, "small")]


def test_a_job_that_does_not_fit_is_passed_over() -> None:
    jobs = [FakeJob("a", 900, "compute"), FakeJob("b", 800, "compute"), FakeJob("c", 10, "low")]
    starts = run(machine(cpu_mib=2000), slots(cpu0=2), jobs, make_policy("dySequ"))
    assert [(s.at_s, s.job) for s in starts] == [(0, "a"), (0, "c"), (1, "b")]


def test_dyrand_draws_its_order_from_the_seed() -> None:
    jobs = [FakeJob(f"j{i}", 10) for i in range(8)]
    orders = {tuple(queue_order("dyRand", jobs, seed)) for seed in range(6)}
    assert len(orders) == 6
    assert all(sorted(drawn) == [job.id for job in jobs] for drawn in orders)
    assert queue_order("dyRand", jobs, seed=3) == queue_order("dyRand", jobs, seed=3)


def test_dyrand_is_independent_of_the_order_of_arrival_and_of_the_other_jobs() -> None:
    jobs = [FakeJob(f"j{i}", 10) for i in range(8)]
    drawn = queue_order("dyRand", jobs)
    assert queue_order("dyRand", jobs[::-1]) == drawn
    assert queue_order("dyRand", jobs[:5]) == [job for job in drawn if job < "j5"]


def test_dytype_starts_on_an_empty_device_with_a_job_that_is_not_compute() -> None:
    jobs = [FakeJob("c", 90, "compute"), FakeJob("m", 80, "memory"), FakeJob("l", 70, "low")]
    assert queue_order("dyType", jobs) == ["m", "l", "c"]


def test_dytype_puts_a_job_beside_those_of_another_type() -> None:
    jobs = [
        FakeJob("m1", 90, "memory", duration_s=9),
        FakeJob("m2", 80, "memory", duration_s=9),
        FakeJob("m3", 70, "memory", duration_s=9),
        FakeJob("c1", 60, "compute", duration_s=9),
    ]
    # m1 on the empty device; c1 is no memory job; a tie, so compute counts as most common: m2.
    starts = run(machine(), slots(cpu0=4), jobs, make_policy("dyType"))
    assert order(starts) == ["m1", "c1", "m2", "m3"]


def test_dytype_falls_back_to_the_first_that_fits() -> None:
    jobs = [FakeJob("c1", 10, "compute"), FakeJob("c2", 20, "compute")]
    assert queue_order("dyType", jobs) == ["c2", "c1"]


def test_dytype_counts_memory_before_low_on_a_tie() -> None:
    cluster = Cluster(machine(), slots(cpu0=4))
    residents = [FakeJob("m", 10, "memory"), FakeJob("l", 10, "low")]
    waiting = [FakeJob("m2", 90, "memory"), FakeJob("l2", 20, "low")]
    for job in residents:
        submit(cluster, job)
    assert len(cluster.decide(make_policy("dySequ"), 0.0)) == 2
    for job in waiting:
        submit(cluster, job)
    (dispatch,) = make_policy("dyType").decide(cluster.view(0.0))
    assert dispatch.job == "l2"


def test_gpus_come_before_the_cpu_and_fill_in_order() -> None:
    jobs = [FakeJob(f"j{i}", 10, duration_s=5) for i in range(5)]
    layout = slots(cpu0=2, gpu1=1, gpu0=2)
    starts = run(machine(gpu_mib=(8000, 8000)), layout, jobs, make_policy("dySequ"))
    assert [s.device for s in starts] == ["gpu:0", "gpu:0", "gpu:1", "cpu:0", "cpu:0"]
    assert [s.slot for s in starts] == [0, 1, 0, 0, 1]


def test_no_other_device_is_tried_where_no_job_fits() -> None:
    jobs = [FakeJob("a", 900, duration_s=3), FakeJob("b", 900, duration_s=3)]
    layout = slots(gpu0=2, cpu0=2)
    starts = run(machine(gpu_mib=(2000,)), layout, jobs, make_policy("dySequ"))
    assert starts == [Start(0, "a", "gpu:0", 0), Start(3, "b", "gpu:0", 0)]


@pytest.mark.parametrize(("memory_mib", "started"), [(1200, 0), (1201, 1)])
def test_a_job_fits_strictly_below_the_memory(memory_mib: int, started: int) -> None:
    starts = run(machine(cpu_mib=memory_mib), ONE_SLOT, [FakeJob("a", 1000)], make_policy("dySequ"))
    assert len(starts) == started


@pytest.mark.parametrize(("used_mib", "started"), [(400, 0), (399, 1)])
def test_memory_in_use_before_the_run_counts(used_mib: int, started: int) -> None:
    starts = run(
        machine(cpu_mib=1600),
        ONE_SLOT,
        [FakeJob("a", 1000)],
        make_policy("dySequ"),
        used_mib={"cpu:0": used_mib},
    )
    assert len(starts) == started


@pytest.mark.parametrize("policy", ["dySequ", "dyRand", "dyType"])
@pytest.mark.parametrize(("more_mib", "waits"), [(1000, False), (1001, True)])
def test_a_gpu_that_holds_far_more_than_is_booked_is_waited_for(
    policy: str, more_mib: int, waits: bool
) -> None:
    cluster = Cluster(machine(gpu_mib=(16_000,)), slots(gpu0=1), used_bytes={"gpu:0": 500 * MIB})
    submit(cluster, FakeJob("a", 10))
    view = cluster.view(0.0)
    measured = view.devices["gpu:0"]._replace(measured_bytes=(500 + more_mib) * MIB)
    view = replace(view, devices={"gpu:0": measured})
    assert (not make_policy(policy).decide(view)) is waits


def test_a_cpu_does_not_settle() -> None:
    cluster = Cluster(machine(), slots(cpu0=1))
    cpu = cluster.view(0.0).devices["cpu:0"]._replace(measured_bytes=9000 * MIB)
    assert not cpu.settling


def test_a_job_without_a_profile_for_a_kind_of_device_is_not_sent_there() -> None:
    jobs = [FakeJob("cpu_only", 90, kinds=("cpu",)), FakeJob("both", 10)]
    starts = run(machine(gpu_mib=(8000,)), slots(gpu0=1, cpu0=1), jobs, make_policy("dySequ"))
    assert [(s.job, s.device) for s in starts] == [("both", "gpu:0"), ("cpu_only", "cpu:0")]
