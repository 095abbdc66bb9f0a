"""The books of a run: what is booked, released, and refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest
from fake_clock import MIB, FakeJob, machine, slots, submit
from made_up_programs import make_command_job

from rmixer.errors import PolicyStarved, PolicyWrong
from rmixer.policies import ClusterView, DeviceCost, Dispatch, Policy, make_policy
from rmixer.scheduling.cluster import Cluster
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.step_times import Mix
from rmixer.testing.made_up import make_job
from rmixer.workload.workload import Job


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
    cluster.finish("a", "failed")
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


def test_a_dispatch_may_take_fewer_threads_than_its_slot_has() -> None:
    layout = Layout((DeviceSlots("cpu:0", 2, 2),))
    cluster = Cluster(machine(cores=4), layout)
    for name in "ab":
        submit(cluster, FakeJob(name, 1))
    first, second = cluster.decide(
        Answers([Dispatch("a", ("cpu:0",)), Dispatch("b", ("cpu:0",), threads=1)]), 2.5
    )
    assert (first.cores, second.cores) == ((0, 1), (2,))
    device = cluster.view(0.0).devices["cpu:0"]
    assert [(each.cores, each.started_s) for each in device.residents] == [
        ((0, 1), 2.5),
        ((2,), 2.5),
    ]
    assert (device.threads, device.last_order, device.last_started_s) == (2, 1, 2.5)


class Told:
    """Readings that a test sets."""

    reads_memory = True
    made: ClassVar = {"a": 40.0}
    used: ClassVar = {"gpu:0": 700 * MIB, "cpu:0": None}

    def steps_made(self, job: str) -> float:
        return self.made[job]

    def measured_bytes(self, device: str) -> int | None:
        return self.used[device]

    def others_bytes(self, device: str) -> int | None:
        return None


def test_the_view_tells_steps_memory_and_what_remains() -> None:
    """100 steps of 1 ms, 10 of them in the warm-up: before 0.5 s, after 0.2 s."""
    made_up = machine(gpu_mib=(8000,))
    cluster = Cluster(made_up, slots(gpu0=2, cpu0=1), readings=Told())
    cost = DeviceCost(100 * MIB, 0.5, "low", {1: 1e-3}, {1: 0.5}, {1: 0.2}, 10)
    for name in "ab":
        job = Job(name, "made_up", 100, 32, "sgd", 0.1, 0)
        cluster.submit(job, f"{name}-b32", {"cpu": cost, "gpu": cost})
    cluster.decide(Answers([Dispatch("a", ("gpu:0",))]), 0.0)
    view = cluster.view(1.0)
    device = view.devices["gpu:0"]
    assert device.measured_bytes == 700 * MIB
    assert view.devices["cpu:0"].measured_bytes is None
    assert (view.steps_done("a"), view.steps_done("b")) == (40.0, 0.0)
    assert view.remaining_s(device, device.residents[0]) == pytest.approx(0.2 + 60e-3)
    cluster.finish("a")
    assert view.steps_done("a") == 100.0


class TwiceAsSlow:
    """Step times of 1 ms for each member of the mix."""

    def unit_s(self, mix: Mix) -> tuple[float, ...]:
        self.mix = mix
        return tuple(1e-3 * len(mix.members) for _ in mix.members)


def test_what_remains_is_predicted_in_the_present_company() -> None:
    times = TwiceAsSlow()
    cluster = Cluster(machine(gpu_mib=(8000,)), slots(gpu0=1, cpu0=1), times)
    for name in "ab":
        submit(cluster, FakeJob(name, 1))
    cluster.decide(Answers([Dispatch("a", ("gpu:0",)), Dispatch("b", ("cpu:0",))]), 0.0)
    view = cluster.view(0.0)
    device = view.devices["cpu:0"]
    assert view.remaining_s(device, device.residents[0]) == pytest.approx(100 * 2e-3)
    assert [member.device for member in times.mix.members] == ["gpu:0", "cpu:0"]


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
        ([Dispatch("a", ("cpu:0",), threads=2)], "'a' 2 threads: a slot of cpu:0 has 1"),
        ([Dispatch("a", ("cpu:0",), threads=0)], "'a' 0 threads: a slot of cpu:0 has 1"),
        ([Dispatch("a", ("cpu:0",), sharing="magic")], "'a' share as 'magic': known: process"),
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


def test_what_stays_booked_for_slots_is_told() -> None:
    """4 slots keep 4 x 308 MiB, of 2000 MiB: 1.2 x 700 fits beside nothing, not beside these."""
    cluster = Cluster(machine(cores=4, gpu_mib=(2000,)), Layout((DeviceSlots("gpu:0", 4, 1),)))
    for job in (FakeJob("a", 700), FakeJob("b", 700), FakeJob("c", 700)):
        submit(cluster, job)
    cluster.decide(make_policy("dySequ"), 0.0)
    cluster.finish("a")
    cluster.finish("b")
    with pytest.raises(PolicyStarved) as starved:
        cluster.check_progress(more_to_come=False)
    assert str(starved.value) == (
        "the policy leaves jobs waiting on an idle machine: c; 1.20 GiB of 1.95 GiB on gpu:0 stay "
        "booked for its 4 slots"
    )


@dataclass(frozen=True)
class OnGpu:
    """A job with a peak of 2000 MiB, of which a model's worker has 600 before it starts."""

    job: Job
    is_model: bool = True

    @property
    def costs(self) -> dict[str, DeviceCost]:
        context_bytes = 600 * MIB if self.is_model else 0
        return {"gpu": DeviceCost(2000 * MIB, 0.1, "low", {1: 1.0}, context_bytes=context_bytes)}


def on_gpu(name: str, is_model: bool = True) -> OnGpu:
    made = make_job(name) if is_model else make_command_job(name, gpus=1)
    return OnGpu(made, is_model)


@pytest.mark.parametrize(
    ("gpu_mib", "last_is_model", "starts"),
    [
        (7700, True, 2),  # 3 x 1.2 x 2000 and the context of the fourth slot: 7800
        (7900, True, 3),
        (8300, False, 2),  # a program leaves the context of its slot where it is: 8400
        (8500, False, 3),
    ],
)
def test_contexts_of_workers_without_a_job_are_booked(
    gpu_mib: int, last_is_model: bool, starts: int
) -> None:
    """Of four slots of a GPU, whether its jobs come or go."""
    jobs = [on_gpu("a"), on_gpu("b"), on_gpu("c", last_is_model)]
    cluster = Cluster(machine(cores=4, gpu_mib=(gpu_mib,)), Layout((DeviceSlots("gpu:0", 4, 1),)))
    cluster.expect(jobs)
    assert booked_mib(cluster, "gpu:0") == 3 * 600
    assert cluster.most_bytes("gpu:0") == int((gpu_mib - 1800) * MIB / 1.2) - 1
    for each in jobs:
        cluster.submit(each.job, each.job.id, each.costs)
    policy = make_policy("dySequ")
    assert len(cluster.decide(policy, 0.0)) == starts
    cluster.finish("a")
    assert len(cluster.decide(policy, 1.0)) == 3 - starts
    for job in list(cluster.running):
        cluster.finish(job)
    assert booked_mib(cluster, "gpu:0") == 3 * 600


def test_where_all_are_programs_no_context_is_up() -> None:
    cluster = Cluster(machine(cores=4, gpu_mib=(7300,)), Layout((DeviceSlots("gpu:0", 4, 1),)))
    jobs = [on_gpu(name, is_model=False) for name in "abc"]
    cluster.expect(jobs)
    for each in jobs:
        cluster.submit(each.job, each.job.id, each.costs)
    assert len(cluster.decide(make_policy("dySequ"), 0.0)) == 3


def test_cores_follow_the_layout() -> None:
    layout = Layout((DeviceSlots("gpu:0", 2, 2), DeviceSlots("cpu:0", 1, 3)))
    cluster = Cluster(machine(cores=8, gpu_mib=(8000,)), layout)
    for name in "abc":
        submit(cluster, FakeJob(name, 1))
    bookings = cluster.decide(make_policy("dySequ"), 0.0)
    assert [booking.cores for booking in bookings] == [(0, 1), (2, 3), (4, 5, 6)]
