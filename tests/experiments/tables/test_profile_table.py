"""A profile as a table, and the shares of its operators by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_runs import OPERATORS, profile
from rich.console import Console

from experiments.operators.operator_shares import operator_shares
from experiments.tables.profile_table import profile_table
from rmixer.display.quantities import ABSENT


def test_shares_of_all_operators_and_gaps_sum_to_one() -> None:
    shares = operator_shares(profile())
    for lane in (("cpu", 1), ("cpu", 2)):
        assert sum(share.share.get(lane, 0.0) for share in shares) == pytest.approx(1.0)


def test_calls_of_one_operator_in_one_phase_are_added_up() -> None:
    # One thread: 300 us, 100 us twice after gaps of 100 us: 800 us in all.
    first, second, third = profile(threads=(1,)).operators[1:4]
    costs = (
        replace(first, operator="aten::mm", phase="forward", mean_us=300.0, gap_before_us=0.0),
        replace(second, operator="aten::cat", phase="forward", mean_us=100.0, gap_before_us=100.0),
        replace(third, operator="aten::cat", phase="forward", mean_us=100.0, gap_before_us=100.0),
    )
    mm, cat, gaps = sorted(
        operator_shares(replace(profile(), operators=costs)),
        key=lambda share: ("mm", "cat", "between operators").index(share.operator),
    )
    assert mm.share == {("cpu", 1): pytest.approx(3 / 7)}
    assert cat.share == {("cpu", 1): pytest.approx(2 / 7)}
    assert gaps.share == {("cpu", 1): pytest.approx(2 / 7)}
    assert cat.calls == 2
    assert cat.flops == second.flops + third.flops
    assert cat.bytes == sum(c.read_bytes + c.written_bytes for c in (second, third))


def test_work_is_counted_once_whatever_the_thread_counts() -> None:
    shares = operator_shares(profile(threads=(1, 2, 4)))
    assert sum(share.flops for share in shares) == sum(row[4] for row in OPERATORS)
    assert sum(share.calls for share in shares) == len(OPERATORS)


def test_the_table_fits_100_columns_and_names_what_matters() -> None:
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(profile_table(profile(), top=5))
    text = capture.get()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 100
    assert "criteo_dlrm, batch 256" in text
    assert "+2.1%" in text
    assert "8 more" in text
    assert "560 MiB" in text
    assert "551 MFLOP" in text


def test_a_profile_without_neighbours_or_operators_is_shown() -> None:
    step = profile().steps[0]
    assert step.measurement
    how = replace(step.measurement, closure={})
    step = replace(step, compute_slowdown=(), stream_slowdown=(), measurement=how)
    bare = replace(profile(), steps=(step,), operators=(), origin="modelled")
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(profile_table(bare))
    assert "modelled" in capture.get()


def test_of_a_step_that_nobody_measured_it_is_not_told_how_well_it_is_known() -> None:
    """No stalls that were counted, and six columns of how it was measured, are absent."""
    made = replace(profile(), steps=(replace(profile().steps[0], measurement=None),))
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(profile_table(made))
    of_step, known = (
        next(line for line in text.splitlines() if line.split()[:1] == ["cpu"])
        for text in capture.get().split("How exact these times are")
    )
    assert of_step.split()[-1] == ABSENT
    assert known.split() == ["cpu", "1", *[ABSENT] * 6]
