"""What counts as a training step, by events written down by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmixer.step_hook.sitecustomize import BY_CALL, BY_OPTIMIZER, RECORD
from rmixer.training.step_events import StepEvent, StepEvents, step_ends


def optimizers(names: str, pid: int = 1, start: int = 0) -> list[StepEvent]:
    """One event a letter, a second apart; the letter says which optimizer. Their parameters are
    unknown."""
    return [StepEvent(pid, False, ord(name), 0, float(start + at)) for at, name in enumerate(names)]


@pytest.mark.parametrize(
    ("names", "ends_s"),
    [
        ("", []),
        ("AAA", [0, 1, 2]),
        ("ABABAB", [1, 3, 5]),
        ("ABCABC", [2, 5]),
        ("AAABAAAB", [0, 1, 3, 4, 5, 7]),  # a critic three times for each time of its generator
        ("AABBB", [0, 1, 2, 3, 4]),  # first one part is trained, then another
        ("AAABBBCC", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("AABCBC", [0, 1, 3, 5]),  # then two together
        ("ABABCDCD", [1, 3, 5, 7]),  # two parts, then two others
        ("ABC", [2]),  # whether these are parts of one step, only a second one would tell
        ("ABABA", [1, 3]),  # the last round is under way
    ],
)
def test_a_step_is_a_round_of_optimizers(names: str, ends_s: list[float]) -> None:
    assert step_ends(optimizers(names)) == ends_s


@pytest.mark.parametrize(
    ("names", "ends_s"), [("ABABA", [1, 3, 4]), ("ABAABA", [1, 2, 4, 5]), ("AB", [1]), ("", [])]
)
def test_a_step_in_which_some_optimizers_skip_may_be_the_last(
    names: str, ends_s: list[float]
) -> None:
    assert step_ends(optimizers(names), ended=True) == ends_s


@pytest.mark.parametrize(
    ("names", "parameters", "ends_s"),
    [
        ("AABBCC", "111111", [0, 1, 2, 3, 4, 5]),  # made anew after every second step
        ("ABCD", "1111", [0, 1, 2, 3]),  # and after each
        ("ABCDEF", "121212", [1, 3, 5]),  # two of them, each made anew for each step
        ("ABABCBCB", "12121212", [1, 3, 5, 7]),  # one of two is made anew
        ("ABABCBCB", "11111111", [1, 3, 5, 7]),  # of two that train the same
        ("ABABAB", "111111", [1, 3, 5]),  # two that train the same
        ("ABABCDCD", "11111111", [1, 3, 5, 7]),  # both of which are made anew
        ("ABACADAE", "11111111", [1, 3, 5, 7]),  # one stays, one is made anew for each step
    ],
)
def test_an_optimizer_made_anew_is_the_one_before(
    names: str, parameters: str, ends_s: list[float]
) -> None:
    events = [
        StepEvent(1, False, ord(name), int(parameter), float(at))
        for at, (name, parameter) in enumerate(zip(names, parameters, strict=True))
    ]
    assert step_ends(events) == ends_s


def test_of_a_program_that_says_when_steps_end_its_word_alone_counts() -> None:
    said = [StepEvent(1, True, 0, 0, at_s) for at_s in (2.5, 5.5)]
    assert step_ends([*optimizers("ABABAB"), *said]) == [2.5, 5.5]


def test_of_several_processes_the_one_that_steps_most_counts() -> None:
    child = optimizers("AA", pid=2, start=10)
    assert step_ends([*child, *optimizers("AAA")]) == [0, 1, 2]
    first, second = optimizers("AAA"), optimizers("AAA", pid=2, start=100)
    assert step_ends([*first, *second]) == [0, 1, 2]


def test_a_record_that_is_half_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "steps"
    events = StepEvents(path)
    assert events.read() == []
    first, second = RECORD.pack(7, BY_OPTIMIZER, 5, 9, 1.5), RECORD.pack(7, BY_CALL, 0, 0, 2.5)
    path.write_bytes(first + second[:10])
    assert events.read() == [StepEvent(7, False, 5, 9, 1.5)]
    path.write_bytes(first + second)
    assert events.read() == [StepEvent(7, False, 5, 9, 1.5), StepEvent(7, True, 0, 0, 2.5)]
