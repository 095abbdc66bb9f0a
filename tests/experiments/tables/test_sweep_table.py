"""The ranked list of a sweep."""

from __future__ import annotations

from io import StringIO

from fake_runs import SWEEP
from rich.console import Console

from experiments.run_files.sweep_file import SweepRow, ranked
from experiments.tables.sweep_table import sweep_table


def test_the_shortest_makespan_is_first_and_pruned_rows_are_last() -> None:
    order = ranked(reversed(SWEEP))
    assert [row.makespan_s for row in order] == [27.9, 28.6, 29.8, 33.0, 41.2, None]


def test_equal_makespans_go_by_mean_completion() -> None:
    rows = [
        SweepRow("late", 0, 2, 0, 1, makespan_s=10.0, mean_completion_s=8.0),
        SweepRow("soon", 0, 2, 0, 1, makespan_s=10.0, mean_completion_s=6.0),
    ]
    assert [row.policy for row in ranked(rows)] == ["soon", "late"]


def test_a_label_says_slots_and_threads() -> None:
    assert SweepRow("dyType", 0, 1, 0, 2).label == "dyType, CPU 1 × 2"
    assert SweepRow("dyType", 4, 0, 1, 0).label == "dyType, GPU 4 × 1"
    assert SweepRow("dyMix", 4, 2, 1, 3).label == "dyMix, GPU 4 × 1, CPU 2 × 3"


def test_the_table_ranks_and_counts_what_was_not_simulated() -> None:
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(sweep_table(SWEEP))
    text = capture.get()
    lines = [line.split() for line in text.splitlines()]
    first = next(line for line in lines if line[:1] == ["1"] and line[1] == "dyType")
    assert first[2:6] == ["2×1", "27.9", "1.48×", "19.0,"]
    assert "5 rows ranked" in [line.strip() for line in text.splitlines()]
    assert "1 not simulated: slots × threads are more than the 2 cores" in text
    assert "…" not in text


def test_what_the_simulator_cannot_tell_apart_is_ranked_by_mean_completion() -> None:
    """1% of 100 s: 100.9 s is a tie, 101.1 s is not."""
    rows = [
        SweepRow("first", 0, 1, 0, 1, makespan_s=100.0, mean_completion_s=90.0),
        SweepRow("tie", 0, 2, 0, 1, makespan_s=100.9, mean_completion_s=60.0),
        SweepRow("behind", 0, 1, 0, 2, makespan_s=101.1, mean_completion_s=10.0),
    ]
    assert [row.policy for row in ranked(rows)] == ["tie", "first", "behind"]
    table = sweep_table(rows)
    assert str(table.caption).splitlines()[0] == (
        "3 rows ranked; makespans within 1% of the shortest are ranked by mean completion"
    )


def test_rough_rows_say_what_they_rest_on() -> None:
    rows = [
        SweepRow("best", 0, 1, 0, 1, makespan_s=10.0, level="job"),
        SweepRow("far", 0, 2, 0, 1, makespan_s=50.0, level="rough"),
    ]
    assert str(sweep_table(rows).caption).splitlines() == [
        "2 rows ranked",
        "level of the simulator: job, rough (rough step times, for rows that cannot win)",
    ]


def test_of_many_rows_the_best_are_shown_and_the_others_counted() -> None:
    rows = [SweepRow(f"p{i}", 0, 1, 0, 1, makespan_s=10.0 + i) for i in range(40)]
    console = Console(width=100, record=True, file=StringIO())
    console.print(sweep_table(rows, most=5))
    text = console.export_text()
    assert "p4" in text
    assert "p5" not in text
    assert "40 rows ranked" in text
    assert "35 more in sweep.json" in text


def test_equal_rows_are_one_row() -> None:
    """Equal is what shows the same figures on the same slots: 20.001 s is 20.0 s here. Slots
    that change nothing for a policy make no row of their own."""
    rows = [
        SweepRow("best", 0, 2, 0, 1, makespan_s=10.0, level="job"),
        SweepRow("one", 0, 1, 0, 2, makespan_s=20.0, level="job"),
        SweepRow("wide", 0, 1, 0, 1, makespan_s=20.0, level="job"),
        SweepRow("same", 0, 1, 0, 2, makespan_s=20.001, level="rough"),
        SweepRow("best", 0, 4, 0, 1, makespan_s=10.0, level="job"),
        SweepRow("longer", 0, 1, 0, 2, makespan_s=20.2, level="job"),
    ]
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(sweep_table(rows))
    lines = [line.split() for line in capture.get().splitlines() if "×" in line]
    assert [line[:5] for line in lines[1:]] == [
        ["1", "best", "2×1", "10.0", "–"],
        ["2", "one,", "same", "1×2", "20.0"],
        ["3", "wide", "1×1", "20.0", "–"],
        ["4", "longer", "1×2", "20.2", "–"],
    ]
