"""What is said about a prediction, from figures that a hand can work out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_runs import fail, job, summary

from experiments.report.predicted import errors_table, same_work, statements, verdict_table
from experiments.validation.compare import compare
from experiments.validation.compared_runs import Runs
from experiments.validation.comparison import Comparison

PREDICTED = summary([job("a", end_s=11.0, step_ms=4.0), job("b", end_s=9.0, step_ms=6.0)])
MEASURED = summary([job("a", end_s=10.0, step_ms=5.0), job("b", end_s=10.0, step_ms=5.0)])
REPEAT = summary([job("a", end_s=10.5, step_ms=5.0), job("b", end_s=10.0, step_ms=5.0)])


def said(comparison: Comparison) -> dict[str, str]:
    return {each.topic: each.text for each in statements(comparison)}


def test_errors_have_their_signs_in_words() -> None:
    """Steps: 4 for 5 and 6 for 5 are -20% and +20%; ends: 11 for 10 and 9 for 10."""
    text = said(compare(Runs(PREDICTED, MEASURED)))
    assert text["Makespan"] == (
        "11.0 s were predicted, 10.0 s measured: the prediction was 10.0% too long."
    )
    assert text["Completion"] == (
        "The ends of 2 jobs were off by 10.0% in the mean; 1 ended later than predicted."
    )
    assert text["Steps"] == (
        "The median step of a job was off by 20.0% in the mean and 20.0% at most. "
        "With its sign, the mean is right."
    )
    assert text["Noise floor"].startswith("The schedule was executed once")
    assert text["Intervals"] == "No measured value can be compared with a 90% interval."


def test_two_executions_give_a_noise_floor() -> None:
    """10 for 10.5 is -4.8%; 10 for 10 is nothing."""
    text = said(compare(Runs(PREDICTED, MEASURED, repeat=REPEAT)))
    assert (
        "differ by 4.8% in the makespan, 2.4% in the ends of jobs and 0.0% in the steps"
        in (text["Noise floor"])
    )


def test_intervals_count_what_lies_inside() -> None:
    jobs = (
        replace(PREDICTED.jobs[0], end_interval_s=(9.0, 12.0), step_interval_ms=(3.0, 4.5)),
        replace(PREDICTED.jobs[1], end_interval_s=(8.0, 9.5), step_interval_ms=(4.9, 7.0)),
    )
    predicted = replace(PREDICTED, jobs=jobs, makespan_interval_s=(10.5, 12.0))
    assert said(compare(Runs(predicted, MEASURED)))["Intervals"] == (
        "Inside the 90% interval lay 1 of 2 measured steps and 1 of 2 ends of jobs; "
        "the makespan did not (10.5 to 12.0 s)."
    )


@pytest.mark.parametrize("state", ["failed", "interrupted", "queued", "cancelled"])
def test_makespans_of_other_work_are_not_compared(state: str) -> None:
    jobs = (replace(MEASURED.jobs[0], state=state), MEASURED.jobs[1])  # type: ignore[arg-type]
    comparison = compare(Runs(PREDICTED, replace(MEASURED, jobs=jobs)))
    assert not same_work(comparison)
    assert said(comparison)["Makespan"].endswith(
        "They are not compared: not the same work was done."
    )


def test_a_gain_is_that_of_two_executions() -> None:
    alone = summary([job("a", end_s=12.0), job("b", end_s=25.0)])
    thought = summary([job("a", end_s=12.0), job("b", end_s=22.0)])
    runs = Runs(PREDICTED, MEASURED, sequential=alone, sequential_predicted=thought)
    assert said(compare(runs))["Gain"] == (
        "The schedule took 10.0 s, one job at a time 25.0 s: 2.50 times as fast. "
        "Predicted were 2.00 times."
    )


def test_a_job_beyond_the_goal_is_red_and_said_to_be() -> None:
    table = errors_table(compare(Runs(PREDICTED, MEASURED)))
    place = [column.name for column in table.columns].index("step error")
    assert [(row[place].text, row[place].mood) for row in table.rows] == [
        ("−20.0%", "bad"),
        ("+20.0%", "bad"),
    ]
    assert table.below == ("A step error in red is larger than the goal of 15%.",)


def test_a_job_that_was_not_completed_says_so_instead_of_its_end() -> None:
    table = errors_table(compare(Runs(PREDICTED, fail(MEASURED, "b"))))
    place = [column.name for column in table.columns].index("end measured")
    assert [row[place].text for row in table.rows] == ["10.0 s", "failed"]


def test_each_verdict_has_its_reason() -> None:
    table = verdict_table(compare(Runs(PREDICTED, MEASURED)))
    assert [row[0].text for row in table.rows] == ["step together (mean over jobs)", "makespan"]
    assert table.rows[0][-1].text.startswith("the 95% interval")
