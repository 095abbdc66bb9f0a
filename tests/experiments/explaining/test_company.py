"""Who is slowed most and by whom, by hand."""

from __future__ import annotations

import pytest

from experiments.explaining.company import Beside, company_of
from rmixer.policies import make_policy
from rmixer.run_record.run_summary import RunSummary
from rmixer.run_record.timeline import Interval, Timeline
from rmixer.scheduling.layout import Cut
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.testing.made_up import (
    by_key,
    make_job,
    make_machine,
    make_profile,
    make_workload,
)
from sim import Uncontended
from sim.job_level.simulate import simulate

MACHINE = make_machine(cores=4)
JOBS = [make_job("a"), make_job("b", "amazon_din"), make_job("c", "amazon_din")]


def given() -> tuple[Problem, RunSummary]:
    """Three jobs of 100 steps, 10 ms each alone; the summary is that of a run without company."""
    profiles = by_key(make_profile(), make_profile("amazon_din"))
    problem = problem_of(make_workload(*JOBS), MACHINE, profiles)
    layout = Cut(cpu_slots=3).layout(MACHINE)
    found = simulate(problem, make_policy("lpt"), layout, Uncontended(profiles))
    return problem, found.summary


def row(job: str, start_s: float, length_s: float, steps: float, kind: str = "train") -> Interval:
    return Interval("predicted", job, 1, job, kind, "cpu:0", 0, "cpu", start_s, length_s, steps)


def test_the_stretch_with_the_longest_steps_and_who_runs_meanwhile() -> None:
    """a takes 20 ms a step beside b, 40 ms beside b and c, and 10 ms alone."""
    problem, summary = given()
    timeline = Timeline(
        [
            row("a", 0.0, 1.0, 50),
            row("b", 0.0, 1.0, 100),
            row("a", 1.0, 1.0, 25),
            row("b", 1.0, 1.0, 50),
            row("c", 1.0, 1.0, 0.0, kind="build"),
            row("a", 2.0, 0.25, 25),
        ]
    )
    found = company_of(problem, timeline, summary)
    assert found.worst is not None
    assert (found.worst.job, found.worst.factor) == ("a", pytest.approx(4.0))
    assert (found.worst.alone_ms, found.worst.company_ms) == pytest.approx((10.0, 40.0))
    assert set(found.worst.beside) == {
        Beside("amazon_din", "train", "cpu:0", 1),
        Beside("amazon_din", "build", "cpu:0", 1),
    }
    # a loses 0.5 + 0.75 s, b 0.5 s, of the 4.25 s that they train.
    assert (found.most_lost, found.most_lost_s) == ("a", pytest.approx(1.25))
    assert (found.lost_s, found.trained_s) == pytest.approx((1.75, 4.25))


def test_a_stretch_of_few_steps_counts_only_where_there_is_no_longer_one() -> None:
    problem, summary = given()
    short = row("a", 0.0, 1.0, 10)
    both = Timeline([short, row("a", 1.0, 1.8, 90)])
    found = company_of(problem, both, summary).worst
    assert found is not None
    assert found.factor == pytest.approx(2.0)
    alone = company_of(problem, Timeline([short]), summary).worst
    assert alone is not None
    assert alone.factor == pytest.approx(10.0)


def test_nobody_is_slowed_without_company() -> None:
    problem, summary = given()
    found = company_of(problem, Timeline([row("a", 0.0, 1.0, 100)]), summary)
    assert found.worst is None
    assert found.lost_s == 0.0
