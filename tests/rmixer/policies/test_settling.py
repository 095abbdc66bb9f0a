"""A GPU that holds over 1000 MiB more than is booked is waited for, and nothing goes elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from fake_clock import MIB, FakeJob, machine, slots, submit

from rmixer.policies import ClusterView, Dispatch, every_policy, make_policy
from rmixer.scheduling.cluster import Cluster

PAIRS = [name for name in every_policy() if "@" in name]


def view_with(measured_mib: int, *jobs: FakeJob) -> ClusterView:
    """A GPU on which 500 MiB are booked, a second GPU and the CPU."""
    cluster = Cluster(
        machine(gpu_mib=(16_000, 16_000)),
        slots(gpu0=2, gpu1=1, cpu0=2),
        used_bytes={"gpu:0": 500 * MIB, "gpu:1": 600 * MIB},
    )
    for job in jobs:
        submit(cluster, job)
    view = cluster.view(1.0)
    measured = view.devices["gpu:0"]._replace(measured_bytes=measured_mib * MIB)
    return replace(view, devices={**view.devices, "gpu:0": measured})


def started(name: str, view: ClusterView) -> Sequence[Dispatch]:
    return make_policy(name).decide(view)


@pytest.mark.parametrize("name", PAIRS)
def test_an_idle_machine_is_no_reason_to_go_elsewhere(name: str) -> None:
    """GPU 0 is named by every rule: first, fewest jobs, least utilised, and most memory that is not
    booked. It settles at 1501 MiB, not at 1500."""
    assert not started(name, view_with(1501, FakeJob("a", 10)))
    (dispatch,) = started(name, view_with(1500, FakeJob("a", 10)))
    assert dispatch.devices == ("gpu:0",)


@pytest.mark.parametrize("name", PAIRS)
def test_it_asks_again_after_a_second(name: str) -> None:
    assert make_policy(name).ask_again_s(view_with(1501)) == 1.0
    assert make_policy(name).ask_again_s(view_with(1500)) is None


@pytest.mark.parametrize("name", ["static@dyWork", "cognn@dyMemo"])
def test_a_round_does_not_open_before_all_gpus_have_settled(name: str) -> None:
    """GPU 1, which is named once GPU 0 is full, would miss the round."""
    view = view_with(0, FakeJob("a", 10), FakeJob("b", 10))
    other = view.devices["gpu:1"]._replace(measured_bytes=1700 * MIB)
    assert started(name, view)
    assert not started(name, replace(view, devices={**view.devices, "gpu:1": other}))


def test_dymix_refuses_a_gpu_that_settles_and_still_asks_the_cpu() -> None:
    """Three GPU slots in all, two on the CPU. With two jobs the threshold is 2 x 3/5 = 1.2: place 1
    is not for the CPU. With three it is 1.8: place 2 is, unless the tail guard forbids it: with
    beta 1 fewer than 3 - 3 = 0 jobs would have to have ended."""
    jobs = [FakeJob(name, 10) for name in "abc"]
    assert not started("dyMix:beta=0", view_with(1501, *jobs[:2]))
    (dispatch,) = started("dyMix:beta=0", view_with(1501, *jobs))
    assert (dispatch.job, dispatch.devices) == ("c", ("cpu:0",))
    assert not started("dyMix:beta=1", view_with(1501, *jobs))
