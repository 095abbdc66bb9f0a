"""What holds for every policy by name: nothing lost, no limit passed, no starvation, no memory of
its own between decisions, rounds kept apart."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fake_clock import MIB, Start, order, run
from hypothesis import given, settings
from random_runs import Scene, scenes

from rmixer.policies import ClusterView, Dispatch, Policy, every_policy, make_policy
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.cluster import Cluster
from rmixer.scheduling.view import MemoryCheck

NAMES = tuple(every_policy())
ROUND_POLICIES = ("static", "cognn", "monolithic", "mps", "muri")


class AskedTwice(Policy):
    """Asks a policy again, and a fresh one, and passes on the answer that all three give."""

    name = "asked_twice"

    def __init__(self, name: str) -> None:
        super().__init__()
        self._of, self._policy = name, make_policy(name)
        self.memory = self._policy.memory

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        answer = self._policy.decide(view)
        assert self._policy.decide(view) == answer
        assert make_policy(self._of).decide(view) == answer
        return answer

    def ask_again_s(self, view: ClusterView) -> float | None:
        answer = self._policy.ask_again_s(view)
        assert make_policy(self._of).ask_again_s(view) == answer
        return answer


class Rules:
    """Looks at the books after each decision."""

    def __init__(self, scene: Scene, memory: MemoryCheck, in_rounds: bool) -> None:
        self._scene, self._in_rounds = scene, in_rounds
        self._jobs = {job.id: job for job in scene.jobs}
        self._factor = {"margin": 1.2, "peak": 1.0, "none": 0.0}[memory]

    def __call__(self, cluster: Cluster, new: Sequence[Booking]) -> None:
        for device in cluster.view(0.0).devices.values():
            here = [b for b in cluster.running.values() if b.devices == (device.name,)]
            peaks = sum(self._factor * self._jobs[b.job].mib(device.name) for b in here)
            held = peaks + self._scene.used_mib[device.name]
            assert not here or held < device.memory_bytes / MIB
            assert len(here) <= device.slots
            assert len({b.slot for b in here}) == len(here)
        if not self._scene.layout.in_turn:
            cores = [core for b in cluster.running.values() for core in b.cores]
            assert len(cores) == len(set(cores))
            assert set(cores) <= set(self._scene.machine.cores)
        for booking in new:
            assert self._in_rounds or booking.round == 0
            beside = [
                b.round
                for b in cluster.running.values()
                if booking.barrier == "machine" or b.devices == booking.devices
            ]
            assert set(beside) == {booking.round}


def play(scene: Scene, policy: Policy, rules: Rules) -> list[Start]:
    return run(scene.machine, scene.layout, scene.jobs, policy, scene.used_mib, rules)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=settings.default.max_examples // 3)
@given(scene=scenes())
def test_every_policy_keeps_the_rules(name: str, scene: Scene) -> None:
    policy = AskedTwice(name)
    scene = scene.cut_by(make_policy(name))
    in_rounds = name.partition("@")[0] in ROUND_POLICIES or name.startswith("cognn_")
    starts = play(scene, policy, Rules(scene, policy.memory, in_rounds))
    assert sorted(order(starts)) == sorted(job.id for job in scene.jobs)
    arrived_s = {job.id: job.arrival_s for job in scene.jobs}
    assert all(start.at_s >= arrived_s[start.job] for start in starts)
