"""How many rounds are taken, by a worker and bubbles that answer as told."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_up_rounds import rounds_of

from profiles.measurements import rounds
from profiles.measurements.quiet_rounds import (
    Round,
    apart_s,
    block_means_s,
    fastest_exchange_us,
    mean_s,
    quiet,
    spared,
    unlikeness,
    without_fault,
)
from profiles.measurements.rounds import Plan, Rounds, measure_in_turn
from rmixer.errors import RunFailed


class Worker:
    """Its step takes each of ``steps_s`` in turn, a block of them at a time, and an exchange
    between its cores each of ``exchanges_us``; for each share of ``waited`` in turn it waits for
    them in a round."""

    def __init__(
        self,
        steps_s: Iterator[float],
        exchanges_us: Iterator[float] | None = None,
        waited: Iterator[float] | None = None,
    ) -> None:
        self._steps_s = steps_s
        self._exchanges_us = exchanges_us or itertools.repeat(0.0)
        self.waited = waited or itertools.repeat(0.0)
        self._events_us = itertools.count(1.0)

    def ask(self, kind: str, seconds: float = 0.0) -> dict[str, Any]:
        if kind == "calibrate":
            return {"event_us": next(self._events_us)}
        if kind == "exchange":
            return {"exchange_us": next(self._exchanges_us)}
        return {"durations": [next(self._steps_s)] * 4} if kind == "block" else {}


class Bubbles:
    """Of a steady machine."""

    def probe(self) -> float:
        return 0.05


class Waiting:
    """As told by a worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def share(self) -> float:
        return next(self._worker.waited)


@pytest.fixture(autouse=True)
def told_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "Waiting", Waiting)


def measure_rounds(worker: Any, bubbles: Any, *told: Any, **more: Any) -> list[Round]:
    """Those of one worker, with none beside it."""
    rounds = Rounds(worker, bubbles, *told, **more)
    measure_in_turn([rounds])
    return rounds.taken


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at it is half a second later."""
    ticks = iter(range(10_000))
    monkeypatch.setattr(rounds.time, "perf_counter", lambda: next(ticks) / 2)


def taken(steps_s: list[float], plan: Plan) -> int:
    worker: Any = Worker(steps_s[at % len(steps_s)] for at in range(10_000))
    bubbles: Any = Bubbles()
    return len(measure_rounds(worker, bubbles, plan))


@pytest.mark.usefixtures("clock")
def test_a_quiet_machine_needs_the_least() -> None:
    assert taken([0.01], Plan(least_rounds=3, seconds=60)) == 3


@pytest.mark.usefixtures("clock")
def test_what_an_event_costs_is_asked_in_every_third_round() -> None:
    worker: Any = Worker(itertools.repeat(0.01))
    bubbles: Any = Bubbles()
    blocks = measure_rounds(worker, bubbles, Plan(least_rounds=5, seconds=60))
    assert [each.event_us for each in blocks] == [1.0, None, None, 2.0, None]


@pytest.mark.usefixtures("clock")
def test_a_noisy_one_is_measured_until_the_mean_is_known() -> None:
    """Blocks 10% to either side: t x 0.1 / √(blocks - 1) <= 5% first at 20 (t = 2.09 there)."""
    assert taken([0.9, 1.1], Plan(precision=0.05, least_rounds=2, seconds=60)) == 10


@pytest.mark.usefixtures("clock")
def test_what_an_earlier_worker_said_is_part_of_what_is_known() -> None:
    """Its own blocks are all alike, but 10% longer than the other's: half the interval of four and
    four blocks is 4.3% of their mean, of four and six 3.5%."""
    plan = Plan(precision=0.05, least_rounds=2, seconds=60)
    slower: Any = Worker(itertools.repeat(0.011))
    bubbles: Any = Bubbles()
    first = rounds_of([0.05] * 2, [[0.010] * 4] * 4)
    assert len(measure_rounds(slower, bubbles, plan)) == 2
    assert len(measure_rounds(slower, bubbles, plan, earlier=[first])) == 2
    precise = replace(plan, precision=0.04)
    assert len(measure_rounds(slower, bubbles, precise, earlier=[first])) == 3


@pytest.mark.usefixtures("clock")
def test_but_no_longer_than_told() -> None:
    """A round takes half a second here, by the clock's ticks."""
    assert taken([0.9, 1.1], Plan(precision=0.001, least_rounds=2, seconds=3)) == 6
    assert taken([0.9, 1.1], Plan(precision=0.001, least_rounds=4, seconds=1)) == 4


@pytest.mark.usefixtures("clock")
def test_a_round_counts_only_where_the_machine_was_quick_at_both_ends() -> None:
    """The third round ends, and the fourth begins, on a slow machine."""
    probes_s = iter([0.05, 0.05, 0.05, 0.05, 0.05, 0.09, 0.09, 0.05, *[0.05] * 4])

    class Slow(Bubbles):
        def probe(self) -> float:
            return next(probes_s)

    worker: Any = Worker(iter([0.01] * 99))
    bubbles: Any = Slow()
    blocks = measure_rounds(worker, bubbles, Plan(least_rounds=4, seconds=60))
    assert [each.probe_s for each in blocks] == [0.05, 0.05, 0.09, 0.09, 0.05, 0.05]
    assert len(spared(blocks)) == 4


@pytest.mark.usefixtures("clock")
def test_nor_one_in_which_the_machine_changed() -> None:
    """The first round's second block is 1.3 times as slow as its first, the second's 1.2 times."""
    steps_s = iter([0.010, 0.013, 0.010, 0.012, *[0.010] * 99])
    worker: Any = Worker(steps_s)
    bubbles: Any = Bubbles()
    blocks = measure_rounds(worker, bubbles, Plan(precision=0.5, least_rounds=3, seconds=60))
    assert len(blocks) == 4
    assert plain_of(without_fault(blocks, 0.0)) == [
        [each_s] * 4 for each_s in (0.010, 0.012, *[0.010] * 4)
    ]


def test_the_profiled_block_is_compared_by_what_it_usually_takes() -> None:
    """Twice as long as the others, but three times in the second round."""
    totals_us = [20e3, 30e3, 20e3, 20e3]
    profiled = [
        {"durations": np.full((5, 2), total / 2 - 5), "gaps": np.full((5, 2), 5.0)}
        for total in totals_us
    ]
    blocks = rounds_of([0.05] * 4, [[0.010] * 5] * 8, profiled, event_us=[1.0, 2.0, 3.0, 4.0])
    assert [each.event_us for each in without_fault(blocks, 0.0)] == [1.0, 3.0, 4.0]


def waited_in(rounds: list[Round]) -> list[float]:
    return [each.waited for each in rounds]


@pytest.mark.usefixtures("clock")
def test_nor_one_in_which_it_waited_for_its_cores() -> None:
    """For 5% of the time it may."""
    worker: Any = Worker(itertools.repeat(0.01), waited=iter([0.05, 0.06, 0.5, *[0.0] * 99]))
    bubbles: Any = Bubbles()
    blocks = measure_rounds(worker, bubbles, Plan(least_rounds=3, seconds=60))
    assert waited_in(blocks) == [0.05, 0.06, 0.5, 0.0, 0.0]
    assert waited_in(without_fault(blocks, 0.0)) == waited_in(quiet([blocks])) == [0.05, 0.0, 0.0]


def test_where_it_waited_all_the_while_that_counts() -> None:
    """And where one worker did, what the other says."""
    alone = rounds_of([0.05] * 2, [[0.010]] * 4, [{}] * 2, waited=[0.0, 0.01])
    shared = rounds_of([0.05] * 2, [[0.019]] * 4, [{}] * 2, waited=[0.5, 0.4])
    assert block_means_s(quiet([shared])) == [0.019] * 4
    assert block_means_s(quiet([alone, shared])) == [0.010] * 4
    assert apart_s([alone, shared]) == 0.0
    assert unlikeness([alone, shared]) == pytest.approx(0.9)


def test_nor_is_a_single_round_left_where_others_would_count() -> None:
    """The other worker's second round was slow by its probe: what is left would be one."""
    waiting = rounds_of([0.05] * 2, [[0.012]] * 4, [{}] * 2, waited=[0.3, 0.3])
    slow = rounds_of([0.05, 0.1], [[0.010]] * 4, [{}] * 2, waited=[0.0, 0.0])
    assert waited_in(quiet([waiting, slow])) == [0.3, 0.3, 0.0]


def test_workers_are_compared_by_rounds_in_which_they_had_their_cores() -> None:
    one = rounds_of([0.05] * 2, [[0.010]] * 4, [{}] * 2, waited=[0.0, 0.0])
    other = rounds_of([0.05] * 2, [[0.011]] * 2 + [[0.030]] * 2, [{}] * 2, waited=[0.0, 0.5])
    assert unlikeness([one, other]) == pytest.approx(0.1)


def test_stalls_say_nothing_about_precision() -> None:
    """Not even where all of a short block is one."""
    blocks = rounds_of([0.05] * 2, [[0.010] * 5, [0.010, 0.5, 0.012], [0.4, 0.6], [0.011]])
    assert block_means_s(blocks) == pytest.approx([0.010, 0.011, 0.011])


def test_unlike_workers() -> None:
    passes = [
        rounds_of([0.05], [[0.010], [0.012]], [{}]),
        rounds_of([0.05], [[0.022], [0.022]], [{}]),
    ]
    assert unlikeness(passes) == pytest.approx(1.0)
    assert unlikeness(passes[:1]) == 0.0


def exchanging(exchanges_us: list[float], plan: Plan, known_us: float) -> list[Round]:
    """Rounds of a quiet machine whose exchanges at a round's ends are ``exchanges_us`` in turn, the
    last of them from then on."""
    told = itertools.chain(exchanges_us, itertools.repeat(exchanges_us[-1]))
    worker: Any = Worker(itertools.repeat(0.01), told)
    bubbles: Any = Bubbles()
    return measure_rounds(worker, bubbles, plan, known_us)


@pytest.mark.usefixtures("clock")
def test_a_round_counts_only_where_the_cores_were_near_at_both_ends() -> None:
    blocks = exchanging([40, 41, 40, 70, 70, 41, 40, 40], Plan(least_rounds=4), 39.0)
    assert [each.exchange_us for each in blocks] == [
        41,
        70,
        70,
        40,
        40,
        40,
    ]  # until there were four
    assert len(quiet([blocks], 39.0)) == 4


@pytest.mark.usefixtures("clock")
def test_cores_far_apart_are_waited_for_twice_as_long_and_no_longer() -> None:
    """A round takes half a second: six in three seconds."""
    plan = Plan(precision=0.001, least_rounds=2, seconds=3)
    assert len(exchanging([70], plan, known_us=40.0)) == 12
    assert len(exchanging([70] * 16 + [40], plan, known_us=40.0)) == 10


def test_where_they_were_far_apart_all_the_while_that_counts() -> None:
    near = rounds_of([0.05] * 2, [[0.010]] * 4, [{}] * 2, [40.0, 41.0])
    far = rounds_of([0.05] * 2, [[0.014]] * 4, [{}] * 2, [70.0, 72.0])
    assert fastest_exchange_us([near, far]) == pytest.approx(40.05)
    assert block_means_s(quiet([near, far])) == [0.010] * 4
    assert block_means_s(quiet([far], 40.0)) == [0.014] * 4
    assert unlikeness([near, far]) == pytest.approx(0.4)  # what was taken twice, far or near


def test_repeated_are_the_rounds_in_which_they_were_near() -> None:
    one = rounds_of([0.05] * 2, [[0.010]] * 2 + [[0.014]] * 2, [{}] * 2, [40.0, 70.0])
    other = rounds_of([0.05] * 2, [[0.014]] * 2 + [[0.011]] * 2, [{}] * 2, [70.0, 40.0])
    assert unlikeness([one, other]) == pytest.approx(0.1)


def plain_of(rounds: list[Round]) -> list[Any]:
    return [block for each in rounds for block in each.plain]


def test_where_all_rounds_changed_they_count() -> None:
    """And so they do where all that did not were of cores far apart."""
    halves = [[0.010], [0.020]] * 2
    changed = rounds_of([0.05] * 2, halves, [{}] * 2, [40.0, 41.0])
    assert without_fault(changed, math.inf) == []
    assert plain_of(quiet([changed])) == halves
    assert apart_s([changed]) == 0.0
    far = rounds_of([0.05] * 2, [[0.014]] * 4, [{}] * 2, [70.0, 72.0])
    assert plain_of(quiet([changed, far])) == halves
    assert plain_of(quiet([far], 40.0)) == [[0.014]] * 4


def test_what_far_cores_add_where_all_rounds_changed() -> None:
    """Steps of 10 and 14 ms in the blocks of each, and 2 ms more where the cores were far apart."""
    near = rounds_of([0.01] * 3, [[0.010], [0.014]] * 3, [{}] * 3, [40.0] * 3)
    far = rounds_of([0.01] * 3, [[0.012], [0.016]] * 3, [{}] * 3, [70.0] * 3)
    assert mean_s(quiet([near, far])) == pytest.approx(0.012)
    assert apart_s([near, far]) == pytest.approx(0.001)


def test_what_far_cores_add() -> None:
    """Half of the steps took 14 ms instead of 10. A machine that only changed adds nothing."""
    near = rounds_of([0.05] * 2, [[0.010]] * 4, [{}] * 2, [40.0, 41.0])
    far = rounds_of([0.05] * 2, [[0.014]] * 4, [{}] * 2, [70.0, 72.0])
    assert apart_s([near, far]) == pytest.approx(0.002)
    assert apart_s([near]) == apart_s([far], 40.0) == 0.0
    changing = rounds_of([0.05] * 3, [[0.010]] * 5 + [[0.020]], [{}] * 3, [0.0] * 3)
    assert apart_s([changing]) == 0.0


class Told(Worker):
    """Also writes down whose round it is."""

    def __init__(self, name: str, steps_s: Iterator[float], told: list[str]) -> None:
        super().__init__(steps_s)
        self._name, self._told = name, told

    def ask(self, kind: str, seconds: float = 0.0) -> dict[str, Any]:
        if kind == "profiled":
            self._told.append(self._name)
        return super().ask(kind, seconds)


class Failing(Told):
    """Fails in its second round."""

    def ask(self, kind: str, seconds: float = 0.0) -> dict[str, Any]:
        if kind == "profiled" and self._told.count(self._name):
            raise RunFailed("killed")
        return super().ask(kind, seconds)


@pytest.mark.usefixtures("clock")
def test_several_workers_take_turns_until_all_have_enough() -> None:
    """The quiet one would need two rounds, the noisy one ten."""
    told: list[str] = []
    workers: Any = [
        Told("quiet", itertools.repeat(0.01), told),
        Told("noisy", itertools.cycle([0.9, 1.1]), told),
    ]
    bubbles: Any = Bubbles()
    plan = Plan(precision=0.05, least_rounds=2, seconds=60)
    several = [Rounds(worker, bubbles, plan) for worker in workers]
    measure_in_turn(several)
    assert told == ["quiet", "noisy"] * 10
    assert [len(rounds.taken) for rounds in several] == [10, 10]


@pytest.mark.usefixtures("clock")
def test_but_each_no_longer_than_its_own_time() -> None:
    """Half a second a round, three seconds each, whoever else takes how long."""
    told: list[str] = []
    workers: Any = [Told(name, itertools.cycle([0.9, 1.1]), told) for name in "abc"]
    bubbles: Any = Bubbles()
    plan = Plan(precision=0.001, least_rounds=2, seconds=3)
    measure_in_turn([Rounds(worker, bubbles, plan) for worker in workers])
    assert told == ["a", "b", "c"] * 6


@pytest.mark.usefixtures("clock")
def test_one_that_fails_keeps_no_other_from_its_rounds() -> None:
    told: list[str] = []
    workers: Any = [
        Failing("fails", itertools.repeat(0.01), told),
        Told("goes on", itertools.repeat(0.01), told),
    ]
    bubbles: Any = Bubbles()
    failed, other = (
        Rounds(worker, bubbles, Plan(least_rounds=3, seconds=60)) for worker in workers
    )
    measure_in_turn([failed, other])
    assert "killed" in str(failed.failure)
    assert told == ["fails", "goes on", "goes on", "goes on"]
    assert other.failure is None
    assert other.are_enough
