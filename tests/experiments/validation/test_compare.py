"""Every number of compare.json against a calculation by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_runs import GIB, fail, job, summary
from hypothesis import given
from hypothesis import strategies as st

from experiments.validation.compare import compare, relative_error
from experiments.validation.compared_runs import Runs
from experiments.validation.comparison import Inside
from experiments.validation.verdict import Goals
from rmixer.errors import InputError

# Two jobs; predicted over measured: steps 4.4/4 and 9/10, completions 9/10 and 22/20.
MEASURED = summary(
    [job("dlrm-0", end_s=10.0, step_ms=4.0), job("din-0", end_s=20.0, step_ms=10.0)],
    probe_s=0.055,
)
PREDICTED = summary(
    [
        replace(job("dlrm-0", end_s=9.0, step_ms=4.4), peak_bytes=GIB + GIB // 4),
        job("din-0", end_s=22.0, step_ms=9.0),
    ],
    run="predicted",
)
REPEAT = summary(
    [job("dlrm-0", end_s=10.5, step_ms=4.1), job("din-0", end_s=20.2, step_ms=9.9)],
    run="repeat",
)


def test_errors_are_signed_and_relative_to_the_measurement() -> None:
    found = compare(Runs(PREDICTED, MEASURED))
    first, second = found.jobs
    assert first.step_ms.error == pytest.approx(0.1)
    assert second.step_ms.error == pytest.approx(-0.1)
    assert first.completion.error == pytest.approx(-0.1)
    assert second.completion.error == pytest.approx(0.1)
    assert first.peak_bytes.error == pytest.approx(0.25)
    assert second.peak_bytes.error == 0.0
    assert (found.makespan.predicted_s, found.makespan.measured_s) == (22.0, 20.0)
    assert found.makespan.error == pytest.approx(0.1)


def test_means_over_jobs() -> None:
    measured = summary([job(f"j-{i}", step_ms=100.0, end_s=50.0) for i in range(4)])
    steps = (101.0, 98.0, 103.0, 90.0)  # errors +1, -2, +3, -10 percent
    predicted = summary([job(f"j-{i}", step_ms=s, end_s=49.0) for i, s in enumerate(steps)])
    found = compare(Runs(predicted, measured))
    assert found.step_mape == pytest.approx(0.04)
    assert found.step_bias == pytest.approx(-0.02)
    assert found.step_max == pytest.approx(0.10)
    # Rank 0.95 x 3 = 2.85 among sizes 1, 2, 3, 10: 3 + 0.85 x 7.
    assert found.step_p95 == pytest.approx(0.0895)
    assert found.completion_mape == pytest.approx(0.02)


def test_noise_floor_is_the_same_formulas_between_two_executions() -> None:
    floor = compare(Runs(PREDICTED, MEASURED, repeat=REPEAT)).noise_floor
    assert floor is not None
    assert floor.step == pytest.approx((abs(4.0 - 4.1) / 4.1 + abs(10.0 - 9.9) / 9.9) / 2)
    assert floor.completion == pytest.approx((0.5 / 10.5 + 0.2 / 20.2) / 2)
    assert floor.makespan == pytest.approx(0.2 / 20.2)
    assert compare(Runs(PREDICTED, MEASURED)).noise_floor is None


def test_steps_alone_come_from_the_sequential_pair() -> None:
    alone = summary([job("dlrm-0", step_ms=3.0, end_s=8.0), job("din-0", step_ms=8.0, end_s=26.0)])
    thought = summary(
        [job("dlrm-0", step_ms=3.3, end_s=9.0), job("din-0", step_ms=7.6, end_s=27.0)]
    )
    found = compare(Runs(PREDICTED, MEASURED, sequential_predicted=thought, sequential=alone))
    assert found.solo_step_mape == pytest.approx((0.10 + 0.05) / 2)
    assert found.verdict.solo_step is not None
    assert found.verdict.solo_step.value == pytest.approx(0.075)
    only_executed = compare(Runs(PREDICTED, MEASURED, sequential=alone))
    assert only_executed.solo_step_mape is None
    assert only_executed.verdict.solo_step is None


def test_how_much_faster_than_one_at_a_time() -> None:
    alone = summary(MEASURED.jobs, makespan_s=30.0)
    thought = summary(MEASURED.jobs, makespan_s=33.0)
    speedup = compare(
        Runs(PREDICTED, MEASURED, sequential=alone, sequential_predicted=thought)
    ).speedup
    assert speedup is not None
    assert (speedup.sequential_s, speedup.best_s) == (30.0, 20.0)
    assert speedup.factor == pytest.approx(1.5)
    assert speedup.predicted_factor == pytest.approx(1.5)
    without = compare(Runs(PREDICTED, MEASURED, sequential=alone)).speedup
    assert without is not None
    assert without.predicted_factor is None
    assert compare(Runs(PREDICTED, MEASURED)).speedup is None


def test_ablations_are_compared_with_the_same_execution() -> None:
    jobs = (job("dlrm-0", end_s=5.0, step_ms=2.0), job("din-0", end_s=15.0, step_ms=8.0))
    found = compare(Runs(PREDICTED, MEASURED, ablations={"no_contention": summary(jobs)}))
    ablation = found.ablations["no_contention"]
    assert ablation.step_mape == pytest.approx((0.5 + 0.2) / 2)
    assert ablation.completion_mape == pytest.approx((0.5 + 0.25) / 2)
    assert ablation.makespan_error == pytest.approx(-0.25)


def test_the_probe_says_how_the_machine_drifted() -> None:
    predicted = replace(PREDICTED, probe_s=0.05)
    drift = compare(Runs(predicted, MEASURED)).probe_drift
    assert drift is not None
    assert drift.ratio == pytest.approx(1.1)
    assert compare(Runs(PREDICTED, MEASURED)).probe_drift is None
    assert compare(Runs(predicted, REPEAT)).probe_drift is None


def test_a_failed_job_is_listed_and_left_out_of_every_mean() -> None:
    found = compare(Runs(PREDICTED, fail(MEASURED, "din-0"), repeat=REPEAT, sequential=REPEAT))
    failed = found.jobs[1]
    assert failed.state == "failed"
    assert (failed.step_ms.measured_ms, failed.step_ms.error) == (10.0, None)
    assert (failed.completion.error, failed.peak_bytes.error) == (None, None)
    assert found.step_mape == pytest.approx(0.1)
    assert found.step_bias == pytest.approx(0.1)
    assert found.completion_mape == pytest.approx(0.1)
    assert found.noise_floor is not None
    assert found.noise_floor.step == pytest.approx(0.1 / 4.1)
    assert found.noise_floor.makespan is None
    assert found.speedup is not None
    assert found.speedup.factor is None
    assert found.verdict.makespan.verdict == "undecided"
    assert "1 job was not completed" in found.verdict.makespan.why


def test_nothing_completed_leaves_no_figures() -> None:
    nothing = fail(fail(MEASURED, "din-0"), "dlrm-0")
    found = compare(Runs(PREDICTED, nothing))
    assert (found.step_mape, found.step_p95, found.step_max, found.step_bias) == (None,) * 4
    assert found.completion_mape is None
    assert found.verdict.overall == "undecided"


def test_a_step_that_was_not_timed_leaves_completion() -> None:
    untimed = summary([replace(MEASURED.jobs[0], step_ms_p50=None), MEASURED.jobs[1]])
    found = compare(Runs(PREDICTED, untimed))
    assert found.jobs[0].step_ms.error is None
    assert found.jobs[0].completion.error == pytest.approx(-0.1)
    assert found.step_mape == pytest.approx(0.1)


def test_goals_and_both_executions_reach_the_verdict() -> None:
    goals = Goals(solo_step=0.2, step=0.3, makespan=0.4)
    found = compare(Runs(PREDICTED, MEASURED, repeat=REPEAT), goals).verdict
    assert (found.step.goal, found.makespan.goal) == (0.3, 0.4)
    assert found.makespan.value == pytest.approx(0.1)
    # Student's interval of 22/20 - 1 and 22/20.2 - 1 has a half-width of 12.706 x half their gap.
    half = 12.7062 * (22 / 20 - 22 / 20.2) / 2
    assert found.makespan.high == pytest.approx((0.1 + 22 / 20.2 - 1) / 2 + half, abs=1e-5)
    assert found.overall == "pass"


def test_runs_of_different_jobs_are_refused() -> None:
    other = summary([job("dlrm-0"), job("deepfm-0")], run="predicted")
    with pytest.raises(InputError, match="deepfm-0, din-0 in only one"):
        compare(Runs(other, MEASURED))
    with pytest.raises(InputError, match="the same jobs"):
        compare(Runs(PREDICTED, MEASURED, repeat=summary([job("dlrm-0")])))


def test_relative_error_has_no_value_without_a_measurement() -> None:
    assert relative_error(1.0, 0.0) is None
    assert relative_error(None, 1.0) is None
    assert relative_error(1.0, None) is None


@given(st.floats(1e-6, 1e6), st.floats(-0.99, 10))
def test_relative_error_inverts_its_definition(measured: float, error: float) -> None:
    assert relative_error(measured * (1 + error), measured) == pytest.approx(error, abs=1e-9)


@given(st.floats(0.01, 100))
def test_errors_do_not_depend_on_the_unit_of_time(scale: float) -> None:
    def scaled(run):  # type: ignore[no-untyped-def]
        jobs = [
            replace(each, end_s=each.end_s * scale, step_ms_p50=each.step_ms_p50 * scale)
            for each in run.jobs
        ]
        return summary(jobs, run=run.run)

    one, other = (
        compare(Runs(PREDICTED, MEASURED)),
        compare(Runs(scaled(PREDICTED), scaled(MEASURED))),
    )
    assert other.step_mape == pytest.approx(one.step_mape)
    assert other.completion_mape == pytest.approx(one.completion_mape)
    assert other.makespan.error == pytest.approx(one.makespan.error)


def test_how_often_the_measured_value_lies_inside() -> None:
    """Steps 4 in 3.9 to 4.9 and 10 in 8 to 9.9; completions 10 in 8 to 10 and 20 in 19 to 25; a
    makespan of 20 in 20.1 to 24."""
    first, second = PREDICTED.jobs
    told = replace(
        PREDICTED,
        makespan_interval_s=(20.1, 24.0),
        jobs=(
            replace(first, step_interval_ms=(3.9, 4.9), end_interval_s=(8.0, 10.0)),
            replace(second, step_interval_ms=(8.0, 9.9), end_interval_s=(19.0, 25.0)),
        ),
    )
    found = compare(Runs(told, MEASURED))
    assert found.inside == Inside(1, 2, 2, 2, makespan=False)
    assert found.makespan.interval_s == (20.1, 24.0)
    assert found.jobs[0].step_ms.interval_ms == (3.9, 4.9)
    assert found.jobs[1].completion.interval_s == (19.0, 25.0)
    failed = compare(Runs(told, fail(MEASURED, "din-0")))
    assert failed.inside == Inside(1, 1, 1, 1, makespan=None), "what failed does not count"
    assert compare(Runs(PREDICTED, MEASURED)).inside is None


def test_a_job_that_was_added_late_has_no_prediction_and_the_makespan_no_error() -> None:
    """It is of other work than predicted; the errors of the other jobs stay."""
    late = replace(job("late-0", end_s=25.0, step_ms=3.0), late=True)
    measured = replace(MEASURED, jobs=(*MEASURED.jobs, late), makespan_s=25.0)
    found, known = compare(Runs(PREDICTED, measured, REPEAT)), compare(Runs(PREDICTED, MEASURED))
    assert found.jobs[:2] == known.jobs
    assert found.step_mape == known.step_mape
    assert (found.jobs[2].step_ms.predicted_ms, found.jobs[2].step_ms.measured_ms) == (None, 3.0)
    assert found.jobs[2].completion.measured_s == 25.0
    assert found.makespan.error is None
    assert found.noise_floor is not None
    assert found.noise_floor.makespan is None
    assert found.verdict.makespan.verdict == "undecided"
    assert "1 job was added later" in found.verdict.makespan.why


def test_a_job_may_be_added_to_the_repetition_alone() -> None:
    late = replace(job("late-0", end_s=25.0, step_ms=3.0), late=True)
    found = compare(Runs(PREDICTED, MEASURED, replace(REPEAT, jobs=(*REPEAT.jobs, late))))
    assert [each.id for each in found.jobs] == ["dlrm-0", "din-0"]
    assert found.noise_floor is not None
    assert found.noise_floor.step is not None


@pytest.mark.parametrize(
    "changes",
    [{"steps": 7}, {"steps": 7, "stopped_early": True}, {"state": "interrupted"}],
)
def test_the_makespan_of_other_work_has_no_error(changes: dict[str, object]) -> None:
    """Not against any prediction: neither the simulator's nor that of a simpler model."""
    first, second = MEASURED.jobs
    measured = replace(MEASURED, jobs=(replace(first, **changes), second))
    found = compare(Runs(PREDICTED, measured, ablations={"no contention": PREDICTED}))
    assert found.makespan.error is None
    assert found.ablations["no contention"].makespan_error is None
    assert found.jobs[0].completion.error is None
    assert found.jobs[1].completion.error == pytest.approx(0.1)
