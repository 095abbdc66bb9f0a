"""How many malformed lines stop a preparation."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmixer.data.kept_blocks import BlockFacts
from rmixer.data.malformed import Limits, LineCount
from rmixer.errors import InputError

PATH = Path("train.txt")


def block(lines: int, *bad: int, skipped: int = 0) -> BlockFacts:
    return BlockFacts(lines, skipped, len(bad), tuple((place, "no number") for place in bad))


def test_numbers_are_those_of_the_file() -> None:
    """Lines count from 1, a header too; the share is of the others."""
    count = LineCount(PATH, Limits(share=0.5))
    count.add(block(5, 2, skipped=1))
    count.add(block(5, 0, 4))
    count.end()
    assert [line.line for line in count.first] == [3, 6, 10]
    assert (count.lines, count.malformed) == (9, 3)


def test_few_lines_say_nothing_before_the_end() -> None:
    count = LineCount(PATH, Limits())
    count.add(block(10, 3))
    for _ in range(99):
        count.add(block(10))
    count.end()
    assert (count.lines, count.malformed) == (1000, 1), "just the allowed share"


def test_too_many_of_a_few_lines_stop_at_the_end() -> None:
    count = LineCount(PATH, Limits())
    count.add(block(10, 3, 7))
    message = r"line 4: found no number \(2 of 10 lines malformed, 20.00%; also lines 8\)"
    with pytest.raises(InputError, match=message):
        count.end()


def test_too_many_of_many_lines_stop_at_once() -> None:
    count = LineCount(PATH, Limits(share=0.01))
    count.add(block(9_000, *range(200)))
    with pytest.raises(InputError, match=r"of the first 18,000 lines malformed.*at most 0\.01"):
        count.add(block(9_000))


def test_strict_stops_at_the_first() -> None:
    count = LineCount(PATH, Limits(strict=True))
    with pytest.raises(InputError, match=r"line 4: found no number; allowed: .*--strict"):
        count.add(block(100_000, 3))


def test_ten_are_shown() -> None:
    count = LineCount(PATH, Limits(share=1.0))
    for _ in range(3):
        count.add(block(100, *range(6)))
    assert (len(count.first), count.malformed) == (10, 18)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(InputError, match="an empty file"):
        LineCount(PATH, Limits()).end()
