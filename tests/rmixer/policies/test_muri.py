"""Muri's groups, where the best matching is known by going through all of them."""

from __future__ import annotations

import pytest
from fake_clock import FakeJob, MadeUpTimes, machine, slots, submit
from hypothesis import given
from hypothesis import strategies as st

from rmixer.errors import RunFailed
from rmixer.policies import make_policy
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.cluster import Cluster


def groups_of(
    slower: dict[str, float], durations_s: dict[str, int], slot_count: int = 2, gpus: int = 1
) -> list[tuple[float, str, str]]:
    """Each group as it starts: when, where, and its jobs. ``slower`` says by how much of its time
    alone each job of a pair is held up by the other."""
    times = MadeUpTimes(lambda first, second: slower[first + second])
    layout = slots(**{f"gpu{i}": slot_count for i in range(gpus)})
    cluster = Cluster(machine(gpu_mib=(8000,) * gpus), layout, times)
    for name, seconds in durations_s.items():
        submit(cluster, FakeJob(name, 10, duration_s=seconds))
    now_s, found = 0.0, []
    ends: dict[str, float] = {}
    while cluster.view(now_s).queued:
        for name in [name for name, end_s in ends.items() if end_s == now_s]:
            del ends[name]
            cluster.finish(name)
        started: dict[str, list[Booking]] = {}
        for booking in cluster.decide(make_policy("muri"), now_s):
            started.setdefault(booking.devices[0], []).append(booking)
            ends[booking.job] = now_s + durations_s[booking.job]
        for device, bookings in started.items():
            assert len({(each.round, each.barrier) for each in bookings}) == 1
            assert bookings[0].barrier == "device"
            found.append((now_s, device, "".join(sorted(each.job for each in bookings))))
        now_s = min(ends.values())
    return found


def test_pairs_are_matched_for_the_most_gain_in_all_and_not_one_by_one() -> None:
    """A pair held up by s has the speed 2 / (1 + s), and gains that less 1. ab: s = 0, 1.00; cd:
    s = 2, nothing. ac and bd: s = 0.2, 0.67 each, 1.33 together, more than ab alone. ad and bc:
    0.4, 0.43 each. ac and bd it is. bd takes 3 + 2 = 5 s alone, ac 1 + 1: bd first, for 3 s."""
    slower = {"ab": 0.0, "cd": 2.0, "ac": 0.2, "bd": 0.2, "ad": 0.4, "bc": 0.4}
    found = groups_of(slower, {"a": 1, "b": 3, "c": 1, "d": 2})
    assert found == [(0.0, "gpu:0", "bd"), (3.0, "gpu:0", "ac")]


def test_jobs_that_gain_nothing_run_alone_the_longest_first() -> None:
    """s = 1: two together take as long as one after the other."""
    found = groups_of({"ab": 1.0, "ac": 1.0, "bc": 1.5}, {"a": 1, "b": 3, "c": 2}, slot_count=4)
    assert [group for _, _, group in found] == ["b", "c", "a"]


def test_pairs_are_matched_again_to_groups_of_four() -> None:
    """Nobody holds up anybody: four jobs gain most together, and two are left for the next."""
    names = "abcdef"
    slower = {a + b: 0.0 for a in names for b in names if a < b}
    found = groups_of(slower, dict.fromkeys(names, 2), slot_count=6)
    assert [(at, len(group)) for at, _, group in found] == [(0.0, 4), (2.0, 2)]


def test_a_group_has_no_more_jobs_than_the_device_has_slots() -> None:
    names = "abcd"
    slower = {a + b: 0.0 for a in names for b in names if a < b}
    found = groups_of(slower, dict.fromkeys(names, 2), slot_count=3)
    assert all(len(group) <= 3 for _, _, group in found)
    assert max(len(group) for _, _, group in groups_of(slower, dict.fromkeys(names, 2), 1)) == 1


def test_each_device_has_rounds_of_its_own() -> None:
    """ab (4 s) and cd (1 s) start at 0, one on each GPU. GPU 1 is free at 1: ef starts there."""
    names = "abcdef"
    slower = {a + b: 1.0 for a in names for b in names if a < b} | {"ab": 0.0, "cd": 0.1, "ef": 0.2}
    found = groups_of(slower, dict(zip(names, (4, 4, 2, 1, 1, 1), strict=True)), gpus=2)
    assert found == [(0.0, "gpu:0", "ab"), (0.0, "gpu:1", "cd"), (2.0, "gpu:1", "ef")]


@given(held_up=st.lists(st.integers(0, 40), min_size=6, max_size=6))
def test_four_jobs_on_two_slots_are_matched_as_by_trying_all(held_up: list[int]) -> None:
    pairs = ["ab", "cd", "ac", "bd", "ad", "bc"]
    slower = {pair: tenths / 10 for pair, tenths in zip(pairs, held_up, strict=True)}
    gain = {pair: max(0.0, 2 / (1 + s) - 1) for pair, s in slower.items()}
    best = max(
        gain[first] + gain[second] for first, second in zip(pairs[::2], pairs[1::2], strict=True)
    )
    groups = [group for _, _, group in groups_of(slower, dict.fromkeys("abcd", 1))]
    assert sum(gain.get(group, 0.0) for group in groups) == pytest.approx(best)


def test_without_step_times_it_says_so() -> None:
    cluster = Cluster(machine(), slots(cpu0=2))
    submit(cluster, FakeJob("a", 10))
    with pytest.raises(RunFailed, match="muri needs the step times of pairs"):
        cluster.decide(make_policy("muri"), 0.0)
