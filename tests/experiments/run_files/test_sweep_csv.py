"""``sweep.csv``: every row with all its figures, for other programs."""

from __future__ import annotations

import csv
import io

import pytest

from experiments.run_files.sweep_file import SweepRow, sweep_csv

ROWS = (
    SweepRow(
        "dyMix@dySequ",
        4,
        2,
        1,
        3,
        makespan_s=10.0,
        mean_completion_s=4.5,
        p95_completion_s=9.5,
        peak_bytes=1 << 30,
        level="job",
        seed=7,
        busy={"gpu:0": 0.5, "gpu:1": None, "cpu:0": 0.25},
        bound_s=8.0,
        gap=0.25,
    ),
    SweepRow("lpt", 0, 1, 0, 1, why="out of memory, on cpu:0", busy={"gpu:10": 1.0}),
)


def cells() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(sweep_csv(ROWS))))


def test_every_figure_has_a_column() -> None:
    first = cells()[0]
    assert list(first) == [
        *("policy", "gpu_slots", "cpu_slots", "gpu_threads", "cpu_threads", "seed"),
        *("makespan_s", "mean_completion_s", "p95_completion_s"),
        *("weighted_completion_s", "tardiness_s"),
        *("busy_gpu:0", "busy_gpu:1", "busy_gpu:10", "busy_cpu:0"),
        *("peak_bytes", "bound_s", "gap", "level", "why", "doubtful"),
    ]
    assert first["policy"] == "dyMix@dySequ"
    assert [first[name] for name in ("seed", "makespan_s", "gap")] == ["7", "10.0", "0.25"]
    assert [first[f"busy_{name}"] for name in ("gpu:0", "gpu:1", "cpu:0")] == ["0.5", "", "0.25"]


def test_what_is_not_known_is_empty() -> None:
    second = cells()[1]
    assert [second[name] for name in ("makespan_s", "bound_s", "gap", "busy_cpu:0")] == [""] * 4
    assert second["why"] == "out of memory, on cpu:0"


def test_a_rough_row_is_corrected_but_its_bound_is_none_of_its_times() -> None:
    """A GPU does the same in half the time, so it is busy twice the share of it."""
    found = ROWS[0].corrected(0.5)
    assert (found.makespan_s, found.mean_completion_s) == pytest.approx((5.0, 2.25))
    assert found.busy == {"gpu:0": 1.0, "gpu:1": None, "cpu:0": 0.25}
    assert found.bound_s == 8.0
