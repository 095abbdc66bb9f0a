"""``check_policy`` passes what can schedule, ours included, and says in words what cannot."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

import pytest

from rmixer.hardware.machine import Machine
from rmixer.policies import ClusterView, Dispatch, Policy, every_policy
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout, even_layout
from rmixer.testing import (
    ChangesView,
    KeepsState,
    NoPolicy,
    NotDeterministic,
    Starves,
    WrongAnswer,
    WrongLayout,
    check_policy,
)

drawn = random.Random(0)


def choices(view: ClusterView) -> list[Dispatch]:
    """Every job on every device that it fits, in order."""
    return [
        Dispatch(job.id, (device.name,))
        for job in view.waiting()
        for device in view.devices.values()
        if device.fits(job)
    ]


class FirstFit(Policy):
    """The first job that fits, on the first device that it fits."""

    name = "first_fit"

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        return choices(view)[:1]


class Seeded(FirstFit):
    """A random choice, as it should be drawn."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        able = choices(view)
        return [random.Random(f"{self.seed} {view.now_s}").choice(able)] if able else []


class Unseeded(FirstFit):
    """A random choice that no seed decides."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        able = choices(view)
        return [drawn.choice(able)] if able else []


class Counts(FirstFit):
    """Takes turns by a count of its own."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.count = 0

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        able = choices(view)
        self.count += 1
        return able[-(self.count % 2) :][:1]


class Remembers(FirstFit):
    """Starts what it did not see at the first decision of the run first."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.known: list[str] = []

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        self.known = self.known or sorted(view.queued, reverse=True)
        return sorted(choices(view), key=lambda dispatch: dispatch.job in self.known)[:1]


class AsksInTurn(FirstFit):
    """Asks again later each time."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.wait_s = 0.0

    def ask_again_s(self, view: ClusterView) -> float | None:
        self.wait_s += 1.0
        return self.wait_s


class Forgets(FirstFit):
    """Never starts the fourth job."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        return [each for each in choices(view) if view.jobs[each.job].order != 3][:1]


class Twice(FirstFit):
    """Starts each job twice."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        return choices(view)[:1] * 2


class AlwaysGpu(FirstFit):
    """Takes it that there is a GPU."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        return [Dispatch(job.id, ("gpu:0",)) for job in view.waiting()][:1]


class Crams(FirstFit):
    """Looks for a slot and not for memory."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        free = [device for device in view.devices.values() if device.free_slots]
        jobs = [(job, d) for job in view.waiting() for d in free if d.kind in job.costs]
        return [Dispatch(job.id, (device.name,)) for job, device in jobs[:1]]


class NoMargin(Crams):
    """The same, and says so."""

    memory = "none"


class OneSlot(FirstFit):
    """Takes it that nobody is there."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        return [Dispatch(each.job, each.devices, slot=0) for each in choices(view)[:1]]


class Writes(FirstFit):
    """Scales the step times in place."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        for job in view.waiting():
            for cost in job.costs.values():
                cost.step_s[1] *= 2.0  # type: ignore[index]
        return super().decide(view)


class Stumbles(FirstFit):
    """Takes it that every job runs on a CPU."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        by_peak = sorted(
            choices(view), key=lambda each: view.jobs[each.job].costs["cpu"].peak_bytes
        )
        return by_peak[:1]


class Slow(FirstFit):
    """Thinks for long."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        time.sleep(0.03)
        return super().decide(view)


class FourCores(FirstFit):
    """Takes it that there are four cores."""

    def layout(self, machine: Machine, jobs: int, cut: Cut) -> Layout:
        return Layout((DeviceSlots("cpu:0", 4, 1),))


class NoLayout(FirstFit):
    """Answers with a number of slots."""

    def layout(self, machine: Machine, jobs: int, cut: Cut) -> Any:
        return 4


class AnyLayout(FirstFit):
    """Draws its layout."""

    def layout(self, machine: Machine, jobs: int, cut: Cut) -> Layout:
        return Layout(even_layout(machine, 1, 1).devices, in_turn=drawn.random() < 0.5)


class NeedsMore(FirstFit):
    """Cannot be made from a seed."""

    def __init__(self, seed: int, table: str) -> None:
        super().__init__(seed)


@pytest.mark.parametrize("name", list(every_policy()))
def test_ours_pass(name: str) -> None:
    report = check_policy(name, runs=4)
    assert report.jobs > 0
    assert (report.policy, report.runs) == (name, 4)
    assert report.warnings == ()


def test_what_is_as_it_should_be() -> None:
    report = check_policy(FirstFit)
    assert report.policy == f"{__name__}:FirstFit"
    assert report.decisions > report.jobs > 50
    assert 0 < report.slowest_s < 0.1
    assert report.warnings == ()
    text = str(report)
    assert f"test_check_policy:FirstFit can schedule: 50 runs, {report.jobs} jobs" in text
    assert "the slowest decision took 0." in text
    check_policy(Seeded)
    check_policy(f"{__name__}:FirstFit", runs=4)


def test_first_come_first_served_passes_nobody_over() -> None:
    """One slot for all: jobs start in the order in which they came."""

    class InOrder(FirstFit):
        def layout(self, machine: Machine, jobs: int, cut: Cut) -> Layout:
            return even_layout(machine, 1, 1)

        def decide(self, view: ClusterView) -> Sequence[Dispatch]:
            head = next(view.waiting(), None)
            return [each for each in choices(view) if head and each.job == head.id][:1]

    assert check_policy(InOrder, runs=50).passed_over <= 3  # those that another had started


def test_the_same_seed_draws_the_same_runs() -> None:
    one, other = check_policy("lpt", runs=10, seed=4), check_policy("lpt", runs=10, seed=4)
    assert (one.jobs, one.decisions) == (other.jobs, other.decisions)
    assert check_policy("lpt", runs=10, seed=5).jobs != one.jobs


@pytest.mark.parametrize(
    ("policy", "failure", "told"),
    [
        (Unseeded, NotDeterministic, "decide gives other answers to the same view with the same"),
        (Counts, KeepsState, "It keeps something between decisions"),
        (Remembers, KeepsState, "and a fresh object"),
        (AsksInTurn, KeepsState, r"ask_again_s answered 1.0, and the same object 2.0"),
        (Forgets, Starves, r"job-\d would wait for ever. Start a job whenever the machine is idle"),
        (Twice, WrongAnswer, "which is not in the queue: it runs already. Look at"),
        (AlwaysGpu, WrongAnswer, r"sent 'job-\d' to .*gpu:0.*: .*Look at device.free_slots"),
        (Crams, WrongAnswer, "it does not fit, its memory is more than is left"),
        (OneSlot, WrongAnswer, "slot 0: it is not free; free on"),
        (Writes, ChangesView, r"it changed job 'job-\d' of the view, .*Copy what you change"),
        (FourCores, WrongLayout, "found 4; allowed: at most the .* usable cores. Take the"),
        (NoLayout, WrongLayout, "layout answered 4; allowed: a Layout of DeviceSlots"),
        (AnyLayout, NotDeterministic, "layout gives another one each time"),
        (NeedsMore, NoPolicy, "__init__ needs table; allowed: settings that all have a default"),
        (Policy, NoPolicy, "which lacks decide"),
        (int, NoPolicy, "a subclass of rmixer.policies.Policy"),
        ("lptt", NoPolicy, "did you mean 'lpt'"),
    ],
)
def test_what_is_wrong_is_said(policy: Any, failure: type[AssertionError], told: str) -> None:
    with pytest.raises(failure, match=told) as found:
        check_policy(policy)
    assert "\n" not in str(found.value)


def test_where_it_happened_is_said() -> None:
    with pytest.raises(WrongAnswer, match=r"\(\d GPUs, \d+ cores, .*, \d+ jobs, at \d+\.\d s\)$"):
        check_policy(Crams)


def test_an_error_of_its_own_comes_as_it_is() -> None:
    with pytest.raises(KeyError, match="cpu") as found:
        check_policy(Stumbles)
    names = [entry.name for entry in found.traceback]
    assert names[-1] == "<lambda>"
    assert "ask" not in names
    assert "check_policy: " in found.value.__notes__[0]


def test_what_is_only_worth_knowing() -> None:
    (note,) = check_policy(NoMargin, runs=30).warnings
    assert "the jobs needed more memory than a device has" in note


def test_a_slow_decision_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rmixer.testing.policy_checking.SLOW_S", 0.02)
    (note,) = check_policy(Slow, runs=1).warnings
    assert "the slowest decision took 0.0" in note


def test_settings_of_a_class_and_of_a_name() -> None:
    report = check_policy("dyMix:beta=2", runs=2)
    assert report.policy == "dyMix:beta=2"
    with pytest.raises(ValueError, match="with a name"):
        check_policy("lpt", {"beta": 2}, runs=2)


class TooLate(FirstFit):
    """Starts nothing before a time, and asks for it."""

    def __init__(self, seed: int = 0, after_s: float = 0.0) -> None:
        super().__init__(seed)
        self.after_s = after_s

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        return super().decide(view) if view.now_s >= self.after_s else ()

    def ask_again_s(self, view: ClusterView) -> float | None:
        return self.after_s - view.now_s if view.now_s < self.after_s else None


def test_who_waits_for_a_time_asks_again() -> None:
    check_policy(TooLate, {"after_s": 100.0}, runs=10)
