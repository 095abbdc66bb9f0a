"""What a policy answers is checked before it is booked, and its own errors stay its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fake_clock import FakeJob, machine, slots, submit

from rmixer.errors import InputError, PolicyFailed, PolicyStarved, PolicyWrong
from rmixer.policies import ClusterView, Dispatch, Policy
from rmixer.scheduling.asking import ask_layout
from rmixer.scheduling.cluster import MOST_ASKS_A_SECOND, Cluster
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout

Answer = Callable[[ClusterView], Any]


class Own(Policy):
    """Answers as it is told."""

    name = "own"

    def __init__(self, answer: Answer, again: Answer = lambda view: None) -> None:
        super().__init__()
        self._answer, self._again = answer, again

    def decide(self, view: ClusterView) -> Any:
        return self._answer(view)

    def ask_again_s(self, view: ClusterView) -> Any:
        return self._again(view)


def cluster() -> Cluster:
    """One job waits, one runs in the only slot but one, one has ended."""
    made = Cluster(machine(cores=4), slots(cpu0=2))
    for name in ("ended", "runs"):
        submit(made, FakeJob(name, 10))
        made.decide(Own(lambda view: _first(view)), 0.0)
    made.finish("ended")
    submit(made, FakeJob("waits", 10))
    return made


def _first(view: ClusterView) -> list[Dispatch]:
    return [Dispatch(job.id, ("cpu:0",)) for job in view.waiting()]


def _yielding(view: ClusterView) -> Iterator[Dispatch]:
    yield from _first(view)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda view: None, "decide answered None; allowed: a list or tuple of Dispatch, empty to"),
        (lambda view: 3, "decide answered 3; allowed: a list or tuple"),
        (lambda view: "waits", "decide answered 'waits'; allowed: a list or tuple"),
        (_yielding, r"a `yield`: return a list instead\); allowed: a list or tuple"),
        (lambda view: _first(view)[0], r"answered Dispatch\(job='waits'.*; allowed: a list"),
        (lambda view: ["waits"], "decide answered 'waits' among others; allowed: a Dispatch"),
        (lambda view: [("waits", "cpu:0")], r"answered \('waits', 'cpu:0'\) among others"),
        (lambda view: [Dispatch(view.jobs["waits"], ("cpu:0",))], "job=JobView.*the id of a job"),
        (lambda view: [Dispatch("waits", "cpu:0")], r"devices='cpu:0'; .*as \(device.name,\)"),
        (lambda view: [Dispatch("waits", ("cpu:0",) * 2)], "a tuple of names of devices"),
        (lambda view: [Dispatch("waits", tuple(view.devices.values()))], "a tuple of names"),
        (lambda view: [Dispatch("waits", ("cpu:0",), slot=0.5)], "slot=0.5; .*number of a slot"),
        (lambda view: [Dispatch("waits", ("cpu:0",), threads="1")], "threads='1'; .*whole number"),
        (lambda view: [Dispatch("waits", ("cpu:0",), round=-1)], "round=-1; .*0 or more"),
        (lambda view: [Dispatch("waits", ("cpu:0",), barrier="x")], "'machine' or 'device'"),
        (lambda view: [Dispatch("waits", ("gpu:0",))], r"\('gpu:0',\): no such device among cpu:0"),
        (lambda view: [Dispatch("waits", ("cpu:0",), slot=1)], "slot 1: .*free on cpu:0: 0$"),
        (lambda view: [Dispatch("waits", ("cpu:0",), slot=9)], "slot 9: it is not free"),
        (lambda view: [Dispatch("waits", ("cpu:0",), threads=2)], "2 threads: a slot of cpu:0 has"),
        (lambda view: [Dispatch("runs", ("cpu:0",))], "'runs', which .* queue: it runs already"),
        (lambda view: [Dispatch("ended", ("cpu:0",))], r"it has ended \(done\)"),
        (lambda view: [Dispatch("nobody", ("cpu:0",))], "no job of this id has arrived"),
        (lambda view: _first(view) * 2, "'waits', which is not in the queue: it runs already"),
    ],
)
def test_nonsense_is_named(answer: Answer, told: str) -> None:
    with pytest.raises(PolicyWrong, match=rf"^policy 'own'.*{told}") as found:
        cluster().decide(Own(answer), 1.0)
    assert "\n" not in str(found.value)


def test_any_sequence_will_do() -> None:
    assert cluster().decide(Own(lambda view: deque(_first(view))), 1.0)[0].job == "waits"


def test_a_long_answer_is_shortened() -> None:
    with pytest.raises(PolicyWrong) as found:
        cluster().decide(Own(lambda view: {"x" * 10_000}), 1.0)
    assert len(str(found.value)) < 400


def test_an_error_of_its_own_has_the_users_frames_alone() -> None:
    def answer(view: ClusterView) -> list[Dispatch]:
        return [Dispatch("waits", (view.devices["gpu:0"].name,))]

    with pytest.raises(PolicyFailed) as found:
        cluster().decide(Own(answer), 1.0)
    assert found.value.reason == "policy 'own': KeyError: 'gpu:0'"
    assert isinstance(found.value.error, KeyError)
    lines = str(found.value).splitlines()
    assert [line for line in lines if line.startswith("  File ")] == [
        line for line in lines if "test_asking.py" in line
    ]
    assert lines[-1] == "KeyError: 'gpu:0'"


def test_an_error_behind_it_is_shown_from_the_users_frame_on() -> None:
    """The user's code called ours the wrong way."""

    def answer(view: ClusterView) -> list[Dispatch]:
        view.devices["cpu:0"].fits("waits")  # type: ignore[arg-type]
        return []

    with pytest.raises(PolicyFailed, match="has no attribute 'costs'") as found:
        cluster().decide(Own(answer), 1.0)
    files = [line for line in str(found.value).splitlines() if line.startswith("  File ")]
    assert "test_asking.py" in files[0]
    assert "view.py" in files[-1]


def test_sys_exit_is_an_error_too() -> None:
    def answer(view: ClusterView) -> list[Dispatch]:
        raise SystemExit(4)

    with pytest.raises(PolicyFailed, match="SystemExit: 4"):
        cluster().decide(Own(answer), 1.0)


@pytest.mark.parametrize("wanted", [0, 0.0, -1.0, float("nan"), float("inf"), "1", 1e-300])
def test_a_time_that_does_not_move_the_clock(wanted: object) -> None:
    policy = Own(lambda view: (), lambda view: wanted)
    with pytest.raises(PolicyWrong, match=f"ask_again_s answered {wanted!r}; allowed: None, or a"):
        cluster().ask_again_s(policy, 1.0)


def test_asking_again_without_end() -> None:
    """A job runs, so that this is no idle machine, and the clock hardly moves."""
    made, policy = cluster(), Own(lambda view: (), lambda view: 1e-9)

    def simulated() -> None:
        now_s = 1.0
        for _ in range(MOST_ASKS_A_SECOND + 2):
            made.decide(policy, now_s)
            now_s += made.ask_again_s(policy, now_s) or 0.0

    with pytest.raises(PolicyWrong, match="10001 times within a second of the run, now in 1e-09"):
        simulated()


def test_asking_again_now_and_then_goes_on() -> None:
    made, policy = cluster(), Own(lambda view: (), lambda view: 0.5)
    for number in range(2 * MOST_ASKS_A_SECOND):
        made.decide(policy, 0.5 * number)
        assert made.ask_again_s(policy, 0.5 * number) == 0.5


def test_a_policy_that_starts_nothing_starves() -> None:
    made = Cluster(machine(), slots(cpu0=1))
    submit(made, FakeJob("a", 1))
    assert made.decide(Own(lambda view: ()), 0.0) == []
    with pytest.raises(PolicyStarved):
        made.check_progress(more_to_come=False)


class Cutting(Own):
    """Cuts the machine as it is told."""

    def layout(self, *_: object) -> Any:
        return self._answer(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        (None, "layout answered None"),
        ([DeviceSlots("cpu:0", 1, 1)], r"layout answered \[DeviceSlots"),
        (Layout(()), r"layout answered Layout\(devices=\(\)"),
        (Layout((DeviceSlots("cpu:0", 0, 1),)), "slots=0"),
        (Layout((DeviceSlots("cpu:0", 1, 1.5),)), "threads=1.5"),  # type: ignore[arg-type]
        (Layout(("cpu:0",)), "Layout"),  # type: ignore[arg-type]
    ],
)
def test_a_layout_that_is_none(layout: object, told: str) -> None:
    with pytest.raises(PolicyWrong, match=rf"{told}.*; allowed: a Layout of DeviceSlots"):
        ask_layout(Cutting(lambda _: layout), machine(), 1, Cut(0, 1))


def test_a_policy_may_refuse_a_machine() -> None:
    def refuse(_: object) -> Layout:
        raise InputError("my policy", "", "no GPU", "a machine with one")

    with pytest.raises(InputError, match="my policy: found no GPU; allowed: a machine with one"):
        ask_layout(Cutting(refuse), machine(), 1, Cut(0, 1))
