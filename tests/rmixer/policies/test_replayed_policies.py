"""A schedule that a policy made, replayed as a plan."""

from __future__ import annotations

from collections.abc import Sequence

from fake_clock import Start, run
from hypothesis import given, settings
from hypothesis import strategies as st
from random_runs import Scene, scenes

from rmixer.policies import every_policy, make_policy
from rmixer.policies.baselines.planned import Planned
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.cluster import Cluster
from rmixer.scheduling.schedule import schedule_of
from rmixer.workload.workload import Workload

NAMES = tuple(every_policy())
HOLD_BACK = ("carma", "horus", "lucid", "lpt")
"""They may leave a slot free for other reasons than memory and rounds, which no plan tells."""
ROUNDS = ("static", "cognn", "monolithic", "mps", "muri")
thrice = settings(max_examples=3 * settings.default.max_examples)


def made_and_replayed(name: str, scene: Scene) -> tuple[list[Start], list[Start]]:
    """What a policy starts, and what the replay of its schedule does."""
    policy = make_policy(name)
    scene = scene.cut_by(policy)
    bookings: list[Booking] = []

    def watch(cluster: Cluster, new: Sequence[Booking]) -> None:
        bookings.extend(new)

    where = (scene.machine, scene.layout, scene.jobs)
    made = run(*where, policy, scene.used_mib, watch)
    workload = Workload("made_up", 0, ())
    plan = schedule_of(workload, scene.machine, policy, scene.layout, reversed(bookings))
    assert [each.order for each in plan.dispatches] == list(range(len(scene.jobs)))
    assert plan.policy == name
    return made, run(*where, Planned(plan), scene.used_mib)


@thrice
@given(
    name=st.sampled_from([name for name in NAMES if not name.startswith(HOLD_BACK)]),
    scene=scenes(gpus=1, on_cpu=False),
)
def test_on_one_device_the_same_starts(name: str, scene: Scene) -> None:
    made, replayed = made_and_replayed(name, scene)
    assert replayed == made


@thrice
@given(name=st.sampled_from([name for name in NAMES if name.startswith(ROUNDS)]), scene=scenes())
def test_rounds_on_several_devices_the_same_starts(name: str, scene: Scene) -> None:
    made, replayed = made_and_replayed(name, scene)
    assert sorted(replayed, key=str) == sorted(made, key=str)


@thrice
@given(
    name=st.sampled_from([name for name in NAMES if not name.startswith(ROUNDS)]), scene=scenes()
)
def test_the_same_jobs_in_the_same_slots_in_the_same_order(name: str, scene: Scene) -> None:
    made, replayed = made_and_replayed(name, scene)

    def by_slot(starts: Sequence[Start]) -> dict[tuple[str, int], list[str]]:
        places = {(start.device, start.slot) for start in starts}
        return {place: [s.job for s in starts if (s.device, s.slot) == place] for place in places}

    assert by_slot(replayed) == by_slot(made)
