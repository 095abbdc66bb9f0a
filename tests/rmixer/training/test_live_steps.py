"""Steps counted while a program makes them are those that all its events tell afterwards."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rmixer.step_hook.sitecustomize import BY_CALL, BY_OPTIMIZER, IN_BACKWARD, RECORD
from rmixer.training import live_steps
from rmixer.training.live_steps import WINDOW, LiveSteps
from rmixer.training.step_events import StepEvents, step_ends

Event = tuple[int, int, int, int]
"""The process, the kind, the optimizer and what tells its parameters."""


def live(path: Path, events: Sequence[Event], seed: int) -> list[float]:
    """What is told of ``events``, a millisecond apart, that come in pieces."""
    pieces, told, counted = random.Random(seed), [], LiveSteps(path)
    left = [RECORD.pack(*event, 0.001 * place) for place, event in enumerate(events)]
    while left:
        piece = pieces.choice([1, 2, 7, 300])
        with path.open("ab") as file:
            file.write(b"".join(left[:piece]))
        del left[:piece]
        told += counted.new_ends()
    assert counted.told == len(told)
    assert len(counted._events._events) == 0  # nothing is kept of what was counted
    assert all(len(each._latest) <= WINDOW + 300 for each in counted._processes.values())
    return told


def one_optimizer(steps: int) -> list[Event]:
    return [(7, BY_OPTIMIZER, 1, 11)] * steps


def two_in_turn(steps: int) -> list[Event]:
    return [(7, BY_OPTIMIZER, number, number) for _ in range(steps) for number in (1, 2)]


def critic(steps: int) -> list[Event]:
    """A generator's optimizer steps once for five of its critic's."""
    turn = [(7, BY_OPTIMIZER, 1, 1)] * 5 + [(7, BY_OPTIMIZER, 2, 2)]
    return (turn * steps)[: steps * 6 // 5]


def made_anew(steps: int) -> list[Event]:
    return [(7, BY_OPTIMIZER, step, 11) for step in range(1, steps + 1)]


def says_so(steps: int) -> list[Event]:
    turn = [(7, BY_OPTIMIZER, 1, 1), (7, BY_CALL, 0, 0)]
    return turn * steps


def two_ranks(steps: int) -> list[Event]:
    return [(rank, BY_OPTIMIZER, 1, 1) for _ in range(steps) for rank in (7, 8)]


def within_backward(steps: int) -> list[Event]:
    """Three optimizers a pass, of which the third is another one in every third."""
    passes = [(step, number) for step in range(steps) for number in (1, 2, 3 + step % 3)]
    return [(7, IN_BACKWARD, number, 1 + step) for step, number in passes]


def tables_and_optimizer(steps: int) -> list[Event]:
    turns = [((7, IN_BACKWARD, 1, 1 + step), (7, BY_OPTIMIZER, 2, 2)) for step in range(steps)]
    return [event for turn in turns for event in turn]


def first_another_process(steps: int) -> list[Event]:
    """One that makes a few steps before the one that trains."""
    return [(6, BY_OPTIMIZER, 1, 1)] * 20 + [(7, BY_OPTIMIZER, 1, 1)] * steps


@pytest.mark.parametrize(
    "program",
    [
        one_optimizer,
        two_in_turn,
        critic,
        made_anew,
        says_so,
        two_ranks,
        first_another_process,
        within_backward,
        tables_and_optimizer,
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_they_are_as_many_as_in_hindsight(
    program: Callable[[int], list[Event]], seed: int, tmp_path: Path
) -> None:
    events = program(3000)
    told = live(tmp_path / "steps", events, seed)
    all_at_once = step_ends(StepEvents(tmp_path / "steps").read())
    assert len(told) == len(all_at_once) == 3000
    assert told == sorted(told)
    # Near the last that was told: a step's end may be told of another rank, or a little early.
    assert max(abs(one - other) for one, other in zip(told, all_at_once, strict=True)) < 0.05


def test_the_last_step_counts_once_the_program_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "steps"
    events = [*two_in_turn(2), (7, BY_OPTIMIZER, 1, 1)]
    path.write_bytes(b"".join(RECORD.pack(*event, at) for at, event in enumerate(events)))
    counted = LiveSteps(path)
    assert counted.new_ends() == [1, 3]
    assert counted.new_ends(ended=True) == [4]
    assert counted.new_ends(ended=True) == []
    assert counted.told == 3


def test_what_was_read_is_given_back_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_steps, "GIVE_BACK_BYTES", 1 << 16)
    told = live(tmp_path / "steps", one_optimizer(50_000), 0)
    assert len(told) == 50_000
    held = (tmp_path / "steps").stat()
    assert held.st_size == 50_000 * RECORD.size
    if held.st_blocks * 512 == held.st_size:
        pytest.skip("this file system knows no holes")
    assert held.st_blocks * 512 < 1 << 18
