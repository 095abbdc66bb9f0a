"""What is said of operators whose work nobody knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.traces.counted_work import uncounted_in_words
from profiles.traces.profiler_events import INPUT_MARK, Called
from profiles.work.operator_formulas import OperatorWork
from rmixer.testing.made_up import make_operator

CALLS = [
    Called(INPUT_MARK, 0.0),
    Called("aten::mm", 0.0),
    Called("aten::linalg_qr", 0.0),
]
CALLS[1].work = OperatorWork(1, 1, 1)


@pytest.mark.parametrize(("qr_us", "told"), [(4.0, ""), (60.0, "60% of its step")])
def test_it_is_said_where_they_take_some_of_the_step(qr_us: float, told: str) -> None:
    """Of 100 µs with one thread; with two it would be all."""
    mm = replace(make_operator(100.0 - qr_us), operator="aten::mm")
    qr = replace(mm, operator="aten::linalg_qr", mean_us=qr_us)
    words = uncounted_in_words(CALLS, [mm, qr, replace(qr, threads=2)])
    assert words.startswith(told)
    assert bool(words) == bool(told)
    assert ("(aten::linalg_qr)" in words) == bool(told)


def test_of_none_nothing_is_said() -> None:
    assert uncounted_in_words(CALLS[:2], []) == ""
