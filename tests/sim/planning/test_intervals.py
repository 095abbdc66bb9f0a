"""90% intervals against closed forms: quantiles of the log-normal, and sums of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import exp, log, log1p, sqrt
from statistics import fmean

import pytest
from quickstart_like import profiles

from rmixer.model_profile.model_profile import ModelProfile, StepMeasurement
from rmixer.policies import make_policy
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.scheduling.schedule import Schedule, schedule_of
from rmixer.testing.made_up import (
    by_key,
    make_job,
    make_machine,
    make_profile,
    make_step,
    make_workload,
)
from rmixer.workload.workload import Job
from sim import OperatorLevel, simulate
from sim.planning.evaluator import NOTHING as NO_TABLE
from sim.planning.intervals import BATCH_ERROR, Intervals, intervals

Z = 1.6449
"""The 95% quantile of the normal distribution."""
MACHINE = make_machine(cores=4)
ONE, TWO = Cut(cpu_slots=1).layout(MACHINE), Cut(cpu_slots=2).layout(MACHINE)


def measured(half_width: float = 0.0, repeatability: float = 0.0) -> StepMeasurement:
    return StepMeasurement(
        n=100,
        stalls=0,
        half_width=half_width,
        repeatability=repeatability,
        rounds=4,
        dropped_rounds=0,
        closure={},
    )


def profile(
    model: str = "criteo_dlrm", half_width: float = 0.0, apart: float = 0.0
) -> ModelProfile:
    step = make_step(measurement=measured(half_width, apart))
    return make_profile(model, [step], origin="measured")


def problem(jobs: Sequence[Job], *of: ModelProfile, noise: float = 0.0, seed: int = 0) -> Problem:
    workload = replace(make_workload(*jobs), seed=seed)
    return replace(problem_of(workload, MACHINE, by_key(*of)), noise=noise)


def planned(given: Problem, layout: Layout, times: OperatorLevel, policy: str) -> Schedule:
    run = simulate(given, make_policy(policy), layout, times, level="job")
    return schedule_of(given.workload, given.machine, make_policy(policy), layout, run.bookings)


def found(given: Problem, layout: Layout = ONE) -> Intervals | None:
    times = OperatorLevel(given.profiles, MACHINE)
    return intervals(given, planned(given, layout, times, "dySequ"), times)


def known(given: Problem, layout: Layout = ONE) -> Intervals:
    answer = found(given, layout)
    assert answer is not None
    return answer


def log_width(jobs: Sequence[Job], *of: ModelProfile, noise: float = 0.0) -> float:
    """Half the interval of the makespan in logarithms, the mean over twenty seeds."""
    widths = []
    for seed in range(20):
        low, high = known(problem(jobs, *of, noise=noise, seed=seed)).makespan
        assert low < 1 < high
        widths.append(log(high / low) / 2)
    return fmean(widths)


def test_of_one_job_alone_they_are_quantiles_of_the_log_normal() -> None:
    """Its step is known to 0.1 / 1.96; the mean of two workers and a third one differ by the square
    root of 3/2 of one worker's deviation, which is 1 / sqrt(2) of how far two are apart."""
    worker = log1p(0.2) / sqrt(2)
    sigma = sqrt((0.1 / 1.96) ** 2 + 1.5 * worker**2)
    width = log_width([make_job()], profile(half_width=0.1, apart=0.2))
    assert width == pytest.approx(Z * sigma, rel=0.05)


def test_the_machine_varies_by_its_noise() -> None:
    """Two executions are apart by the square root of 2 of what one varies by."""
    width = log_width([make_job()], profile(), noise=0.1)
    assert width == pytest.approx(Z * 0.1 / sqrt(2), rel=0.05)


def test_jobs_of_one_identity_share_its_profile_and_have_workers_of_their_own() -> None:
    """Two one after the other: their own workers average out by half, what they share does not."""
    worker = log1p(0.05) / sqrt(2)
    sigma = sqrt((0.04 / 1.96) ** 2 + worker**2 / 2 + worker**2 / 2)
    jobs = [make_job("a"), make_job("b")]
    width = log_width(jobs, profile(half_width=0.04, apart=0.05))
    assert width == pytest.approx(Z * sigma, rel=0.05)


def test_without_spread_they_have_no_width() -> None:
    given = problem([make_job("a"), make_job("b", steps=50)], profile())
    answer = known(given, TWO)
    for low, high in (answer.makespan, *answer.end.values(), *answer.step.values()):
        assert (low, high) == (pytest.approx(1.0, abs=1e-12), pytest.approx(1.0, abs=1e-12))


def test_an_arrival_is_no_matter_of_speed() -> None:
    """One second of work at 0 s and at 99 s: of the 100 s only the last one varies."""
    jobs = [make_job("a"), make_job("b", arrival_s=99.0)]
    answer = known(problem(jobs, profile(), noise=0.1))
    assert answer.end["b"][1] - 1 == pytest.approx((answer.end["a"][1] - 1) / 100, rel=1e-6)
    assert answer.step["b"] == pytest.approx(answer.step["a"])


def test_the_same_again_and_others_with_another_seed() -> None:
    jobs = [make_job("a"), make_job("b")]
    first, again, other = (
        found(problem(jobs, profile(half_width=0.1), noise=0.02, seed=seed), TWO)
        for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


def test_they_grow_with_the_noise() -> None:
    jobs = [make_job("a"), make_job("b", "amazon_din")]
    both = (profile(half_width=0.05), profile("amazon_din", apart=0.1))
    widths = [
        high - low
        for noise in (0.0, 0.05, 0.2)
        for low, high in [known(problem(jobs, *both, noise=noise), TWO).makespan]
    ]
    assert widths == sorted(widths)
    assert widths[0] > 0


def test_a_summary_takes_them_around_what_it_predicts() -> None:
    """Whatever level predicted it: here twice what the job level says."""
    given = problem([make_job("a")], profile(), noise=0.1)
    answer = known(given)
    times = OperatorLevel(given.profiles, MACHINE)
    run = simulate(given, make_policy("dySequ"), ONE, times).summary
    slower = replace(run, makespan_s=2.0, jobs=(replace(run.jobs[0], end_s=2.0, step_ms_p50=20.0),))
    around = answer.around(slower)
    low, high = answer.makespan
    assert around.makespan_interval_s == pytest.approx((2 * low, 2 * high))
    assert around.jobs[0].end_interval_s == pytest.approx((2 * low, 2 * high))
    assert around.jobs[0].step_interval_ms == pytest.approx((20 * low, 20 * high))
    assert around.machine_noise == 0.1
    assert replace(around, makespan_interval_s=None, machine_noise=None, jobs=slower.jobs) == slower


def test_a_predicted_batch_has_the_error_of_such_predictions() -> None:
    step = make_step(measurement=None)
    sizes = make_profile(steps=[step], origin="measured", predicted_from=(64, 256))
    assert log_width([make_job()], sizes) == pytest.approx(Z * BATCH_ERROR, rel=0.05)


@pytest.mark.parametrize(
    "unknown",
    [
        make_profile(steps=[make_step(measurement=measured(0.1))], origin="modelled"),
        make_profile(steps=[make_step(measurement=measured(0.1))], origin="table"),
        make_profile(steps=[make_step()], origin="measured"),
    ],
    ids=["modelled", "a table", "not measured"],
)
def test_of_what_nobody_measured_nothing_is_known(unknown: ModelProfile) -> None:
    assert found(problem([make_job()], unknown)) is None
    beside = profile("amazon_din", half_width=0.1)
    jobs = [make_job("a", "amazon_din"), make_job("b")]
    assert found(problem(jobs, unknown, beside), TWO) is None


def in_company(shares_cores: bool) -> tuple[Problem, Schedule, OperatorLevel]:
    """Six jobs of three models that slow each other down, in three slots or six on two cores."""
    machine = make_machine(cores=2 if shares_cores else 3)
    made = {
        key: replace(
            each,
            origin="measured",
            steps=tuple(replace(step, measurement=measured(0.04, 0.05)) for step in each.steps),
        )
        for key, each in profiles().items()
    }
    models = ("criteo_dlrm", "criteo_deepfm", "amazon_din")
    jobs = [make_job(f"job-{i}", models[i % 3], steps=100 + 60 * i) for i in range(6)]
    given = problem_of(make_workload(*jobs), machine, made)
    times = OperatorLevel(made, machine)
    if shares_cores:
        layout, policy = Layout((DeviceSlots("cpu:0", 6, 1),), in_turn=True), "all_at_once"
    else:
        layout, policy = Cut(cpu_slots=3).layout(machine), "dySequ"
    return given, planned(given, layout, times, policy), times


@pytest.mark.parametrize(("shares_cores", "lost"), [(False, 0.02), (True, 0.05)])
def test_no_draw_solves_a_mix_and_little_is_lost_by_it(
    shares_cores: bool, lost: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the same draws with every mix solved that they meet. On shared cores it counts who is
    on whose core, and the ends of single jobs are told less well."""
    given, schedule, times = in_company(shares_cores)
    asked = []
    unit_s = times.unit_s
    monkeypatch.setattr(times, "unit_s", lambda mix: asked.append(mix) or unit_s(mix))
    cheap = intervals(given, schedule, times)
    of_base = len(asked)
    monkeypatch.setattr("sim.planning.evaluator.Evaluator._typical", lambda self: NO_TABLE)
    full = intervals(given, schedule, times)
    assert len(asked) > 2 * of_base, "the draws do meet mixes that the schedule does not"
    assert cheap is not None
    assert full is not None
    assert cheap.makespan == pytest.approx(full.makespan, abs=0.01)
    for job, range_of in full.end.items():
        assert cheap.end[job] == pytest.approx(range_of, abs=lost)
    assert exp(-0.2) < cheap.makespan[0] < 1 < cheap.makespan[1] < exp(0.2)
