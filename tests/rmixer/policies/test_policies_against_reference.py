"""Every policy over random runs: as the reference plays them, and within the rules."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fake_clock import MIB, FakeJob, machine, order, run, slots
from hypothesis import given
from hypothesis import strategies as st
from random_runs import Scene, scenes
from reference_policies import play

from rmixer.policies import ClusterView, Dispatch, Policy, make_policy
from rmixer.scheduling.cluster import Booking, Cluster

DYNAMIC = ("dySequ", "dyRand", "dyType")


class AskedTwice(Policy):
    """Asks a policy again, and a fresh one, and passes on the answer that all three give."""

    name = "asked_twice"

    def __init__(self, name: str, seed: int) -> None:
        super().__init__(seed)
        self._of, self._policy = name, make_policy(name, seed)

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        answer = self._policy.decide(view)
        assert self._policy.decide(view) == answer
        assert make_policy(self._of, self.seed).decide(view) == answer
        return answer


def settle(scene: Scene, policy: str) -> Scene:
    """``scene`` with the policy's own layout where it has one."""
    if policy in DYNAMIC:
        return scene
    layout = make_policy(policy).layout(scene.machine, max(1, len(scene.jobs)), 1, 1)
    used = {entry.device: scene.used_mib.get(entry.device, 0) for entry in layout.devices}
    return Scene(scene.machine, layout, used, scene.jobs)


def play_for_real(scene: Scene, policy: Policy, **more: object) -> list[object]:
    return list(run(scene.machine, scene.layout, scene.jobs, policy, scene.used_mib, **more))  # type: ignore


@pytest.mark.parametrize("policy", [*DYNAMIC, "sequential", "all_at_once"])
@given(scene=scenes(), seed=st.integers(0, 3))
def test_a_policy_decides_as_the_reference(policy: str, scene: Scene, seed: int) -> None:
    scene = settle(scene, policy)
    drawn = drawn_order(scene.jobs, seed) if policy == "dyRand" else ()
    assert play_for_real(scene, AskedTwice(policy, seed)) == play(scene, policy, drawn)


def drawn_order(jobs: Sequence[FakeJob], seed: int) -> list[str]:
    """The order that ``dyRand`` draws, seen where nothing but the order matters."""
    plain = [FakeJob(job.id, 1) for job in jobs]
    return order(run(machine(), slots(cpu0=1), plain, make_policy("dyRand", seed)))


@pytest.mark.parametrize("policy", [*DYNAMIC, "sequential", "all_at_once"])
@given(scene=scenes())
def test_no_job_is_lost_or_run_twice_and_no_limit_is_passed(policy: str, scene: Scene) -> None:
    scene = settle(scene, policy)
    peaks = {job.id: job.peak_mib for job in scene.jobs}

    def watch(cluster: Cluster, bookings: Sequence[Booking]) -> None:
        for device in cluster.view(0.0).devices.values():
            residents = [b for b in cluster.running.values() if b.devices == (device.name,)]
            held = sum(1.2 * peaks[b.job] for b in residents) + scene.used_mib[device.name]
            assert not residents or held < device.memory_bytes / MIB
            assert len(residents) <= device.slots
            assert len({b.slot for b in residents}) == len(residents)
        if not scene.layout.in_turn:
            cores = [core for b in cluster.running.values() for core in b.cores]
            assert len(cores) == len(set(cores))
            assert set(cores) <= set(scene.machine.cores)

    starts = play_for_real(scene, make_policy(policy), watch=watch)
    assert sorted(order(starts)) == sorted(peaks)  # type: ignore[arg-type]
