"""The books of a run: what is booked, released, and refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fake_clock import MIB, FakeJob, machine, slots, submit

from rmixer.errors import PolicyStarved, PolicyWrong
from rmixer.policies import ClusterView, Dispatch, Policy, make_policy
from rmixer.scheduling.cluster import Cluster
from rmixer.scheduling.layout import DeviceSlots, Layout


class Answers(Policy):
    """Answers what it was told to, once each."""

    name = "answers"

    def __init__(self, *answers: Sequence[Dispatch]) -> None:
        super().__init__()
        self.answers = list(answers)

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        return self.answers.pop(0) if self.answers else ()


def cluster_of(*jobs: FakeJob, gpu_mib: Sequence[int] = (), **counts: int) -> Cluster:
    cluster = Cluster(machine(gpu_mib=gpu_mib), slots(**(counts or {"cpu0": 2})))
    for job in jobs:
        submit(cluster, job)
    return cluster


def booked_mib(cluster: Cluster, device: str) -> float:
    return cluster.view(0.0).devices[device].booked_bytes / MIB


def test_a_booking_holds_a_fifth_more_than_the_peak_until_the_job_ends() -> None:
    cluster = cluster_of(FakeJob("a", 100))
    (booking,) = cluster.decide(make_policy("dySequ"), 0.0)
    assert (booking.order, booking.job, booking.slot, booking.attempt) == (0, "a", 0, 1)
    assert booked_mib(cluster, "cpu:0") == 120
    assert cluster.running["a"] is booking
    cluster.finish("a")
    assert booked_mib(cluster, "cpu:0") == 0
    assert not cluster.running


def test_a_gpu_never_falls_below_its_idle_workers_after_a_completion() -> None:
    cluster = cluster_of(FakeJob("a", 100), FakeJob("b", 2000), gpu_mib=(8000,), gpu0=2)
    assert booked_mib(cluster, "gpu:0") == 0
    cluster.decide(make_policy("dySequ"), 0.0)
    assert booked_mib(cluster, "gpu:0") == 2520
    cluster.finish("a")
    assert booked_mib(cluster, "gpu:0") == 2400
    cluster.finish("b")
    assert booked_mib(cluster, "gpu:0") == 2 * 308


def test_utilisation_is_booked_while_a_job_runs() -> None:
    cluster = cluster_of(FakeJob("a", 1), FakeJob("b", 1))
    cluster.decide(make_policy("dySequ"), 0.0)
    assert cluster.view(0.0).devices["cpu:0"].booked_utilisation == 1.0
    cluster.finish("a")
    assert cluster.view(0.0).devices["cpu:0"].booked_utilisation == 0.5
    cluster.finish("b")
    assert cluster.view(0.0).devices["cpu:0"].booked_utilisation == 0.0


def test_the_view_follows_a_job_from_queue_to_end() -> None:
    cluster = cluster_of(FakeJob("a", 1), FakeJob("b", 1), cpu0=1)
    view = cluster.view(3.0)
    assert view.now_s == 3.0
    assert [job.id for job in view.waiting()] == ["a", "b"]
    cluster.decide(make_policy("sequential"), 3.0)
    assert [(job.id, job.state, job.attempts) for job in view.jobs.values()] == [
        ("a", "running", 1),
        ("b", "queued", 0),
    ]
    assert list(view.queued) == ["b"]
    cluster.finish("a", failed=True)
    assert view.jobs["a"].state == "failed"


def test_the_tag_of_a_dispatch_stays_with_the_resident() -> None:
    cluster = cluster_of(FakeJob("a", 1))
    cluster.decide(Answers([Dispatch("a", ("cpu:0",), tag="large")]), 0.0)
    (resident,) = cluster.view(0.0).devices["cpu:0"].residents
    assert (resident.job, resident.slot, resident.tag) == ("a", 0, "large")


def test_a_dispatch_may_name_its_slot() -> None:
    cluster = cluster_of(FakeJob("a", 1), FakeJob("b", 1))
    named = [Dispatch("a", ("cpu:0",), slot=1), Dispatch("b", ("cpu:0",))]
    first, second = cluster.decide(Answers(named), 0.0)
    assert (first.slot, second.slot) == (1, 0)
    assert (first.cores, second.cores) == ((1,), (0,))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([Dispatch("nobody", ("cpu:0",))], "'nobody', which is not in the queue"),
        ([Dispatch("a", ("cpu:0",)), Dispatch("a", ("cpu:0",))], "'a', which is not in the queue"),
        ([Dispatch("a", ("gpu:0",))], "no such device"),
        ([Dispatch("a", ())], "no such device"),
        ([Dispatch("a", ("cpu:0",), slot=2)], "slot 2: it is not free"),
        (
            [Dispatch("a", ("cpu:0",), slot=0), Dispatch("b", ("cpu:0",), slot=0)],
            "slot 0: it is not free",
        ),
        ([Dispatch("huge", ("cpu:0",))], "'huge' to cpu:0: it does not fit"),
        ([Dispatch(name, ("cpu:0",)) for name in "abc"], "'c' to cpu:0: it does not fit"),
    ],
)
def test_an_impossible_dispatch_ends_the_run(answer: list[Dispatch], message: str) -> None:
    jobs = [*(FakeJob(name, 1) for name in "abc"), FakeJob("huge", 20_000)]
    with pytest.raises(PolicyWrong, match=message):
        cluster_of(*jobs).decide(Answers(answer), 0.0)


def test_a_run_that_can_never_go_on_is_noticed() -> None:
    cluster = cluster_of(FakeJob("huge", 20_000), FakeJob("a", 1))
    cluster.decide(make_policy("dySequ"), 0.0)
    cluster.check_progress(more_to_come=False)
    cluster.finish("a")
    cluster.check_progress(more_to_come=True)
    with pytest.raises(PolicyStarved, match="leaves jobs waiting on an idle machine: huge"):
        cluster.check_progress(more_to_come=False)


def test_cores_follow_the_layout() -> None:
    layout = Layout((DeviceSlots("gpu:0", 2, 2), DeviceSlots("cpu:0", 1, 3)))
    cluster = Cluster(machine(cores=8, gpu_mib=(8000,)), layout)
    for name in "abc":
        submit(cluster, FakeJob(name, 1))
    bookings = cluster.decide(make_policy("dySequ"), 0.0)
    assert [booking.cores for booking in bookings] == [(0, 1), (2, 3), (4, 5, 6)]
