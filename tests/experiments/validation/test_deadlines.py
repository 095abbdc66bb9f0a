"""Deadlines by hand: they count from the beginning of the run, ends from the first start."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_runs import job, summary

from experiments.validation.deadlines import late_s, missed
from rmixer.testing.made_up import make_job, make_workload

WORKLOAD = make_workload(
    replace(make_job("a", arrival_s=5.0), deadline_s=20.0),
    replace(make_job("b", arrival_s=5.0), deadline_s=30.0),
    make_job("c", arrival_s=5.0),
    replace(make_job("d", arrival_s=5.0), deadline_s=1.0),
)
# The first job starts at 5 s.
LINES = [replace(job(name, end_s=18.0, step_ms=1.0), arrival_s=0.0) for name in "abcd"]
SUMMARY = summary([*LINES[:3], replace(LINES[3], state="failed")])


def test_by_how_much() -> None:
    assert late_s(SUMMARY, WORKLOAD) == {"a": pytest.approx(3.0), "b": pytest.approx(-7.0)}


def test_what_is_told() -> None:
    (line,) = missed(SUMMARY, WORKLOAD, predicted=True)
    assert line == "a will probably end 3.00 s after its deadline"
    assert missed(SUMMARY, WORKLOAD, predicted=False) == ["a ended 3.00 s after its deadline"]
    met = make_workload(*(replace(each, deadline_s=99.0) for each in WORKLOAD.jobs))
    assert missed(SUMMARY, met, predicted=True) == []
