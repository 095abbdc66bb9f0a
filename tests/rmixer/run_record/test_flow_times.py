"""Completion and waiting over the jobs of a run, by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmixer.files.typed_files import write_json
from rmixer.run_record.flow_times import FlowTimes, flow_times, flow_words, percentile_95
from rmixer.run_record.run_summary import (
    RunSummary,
    never_started,
    read_summary,
)

JOB = replace(never_started("a", "criteo_dlrm", "queued"), state="done", attempt=1)
# The first came 1 s before the first dispatch; arrivals, starts and ends are of one clock.
JOBS = (
    replace(JOB, id="a", arrival_s=-1.0, start_s=0.0, end_s=4.0),
    replace(JOB, id="b", arrival_s=2.0, start_s=4.0, end_s=9.0),
    replace(JOB, id="c", arrival_s=3.0, start_s=9.0, end_s=10.0),
)
SUMMARY = RunSummary("measured", "q", "m", "measured", "dySequ", 10.0, 0.0, 0.0, (JOB,), ())


def test_means_and_percentiles_by_hand() -> None:
    """Completion 5, 7, 7 and waiting 1, 2, 6. At rank 1 + 0.95 x 2 = 2.9 of 3: 7, and
    2 + 0.9 x (6 - 2) = 5.6."""
    found = flow_times(JOBS)
    assert found.completion_mean_s == pytest.approx(19 / 3)
    assert found.completion_p95_s == pytest.approx(7.0)
    assert found.waiting_mean_s == pytest.approx(3.0)
    assert found.waiting_p95_s == pytest.approx(5.6)


def test_who_counts() -> None:
    """Done: a alone completes, after 5. Started: a, b and c waited 1, 2 and 6; d never started."""
    failed = replace(JOBS[1], state="failed")
    stopped = replace(JOBS[2], state="interrupted")
    found = flow_times((JOBS[0], failed, stopped, never_started("d", "m", "failed", "why")))
    assert (found.completion_mean_s, found.completion_p95_s) == (5.0, 5.0)
    assert found.waiting_mean_s == pytest.approx(3.0)


def test_nobody_counts() -> None:
    assert flow_times((never_started("d", "m", "queued"),)) == FlowTimes()
    old = flow_times((JOBS[0], replace(JOBS[1], arrival_s=None)))
    assert old == FlowTimes()  # not the mean of one where there are two


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40))
def test_the_percentile_is_linear_between_ranks(values: list[float]) -> None:
    ordered = sorted(values)
    rank = 0.95 * (len(values) - 1)
    below = int(rank)
    above = min(below + 1, len(values) - 1)
    expected = ordered[below] + (rank - below) * (ordered[above] - ordered[below])
    assert percentile_95(values) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_they_are_written_and_said(tmp_path: Path) -> None:
    summary = replace(SUMMARY, jobs=JOBS, **vars(flow_times(JOBS)))
    write_json(tmp_path / "summary.json", summary)
    data = json.loads((tmp_path / "summary.json").read_text())
    assert data["waiting_p95_s"] == pytest.approx(5.6)
    assert data["jobs"][0]["arrival_s"] == -1.0
    assert read_summary(tmp_path / "summary.json") == summary
    assert flow_words(summary) == (
        "completion 6.33 s in the mean, p95 7.00 s; waiting 3.00 s in the mean, p95 5.60 s"
    )


def test_a_summary_of_an_earlier_release_has_none(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_json(path, SUMMARY)
    data = json.loads(path.read_text())
    for name in vars(FlowTimes()):
        del data[name]
    del data["jobs"][0]["arrival_s"]
    path.write_text(json.dumps(data))
    found = read_summary(path)
    assert found == SUMMARY
    assert flow_words(found) == "completion – in the mean, p95 –; waiting – in the mean, p95 –"
