"""Predicted against measured: the formulas behind every number of ``compare.json``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from experiments.validation.compared_runs import Runs
from experiments.validation.comparison import (
    Ablation,
    Comparison,
    ExchangeDrift,
    Inside,
    JobComparison,
    MemoryPair,
    NoiseFloor,
    ProbeDrift,
    Speedup,
    StepPair,
    TimePair,
    lies_in,
)
from experiments.validation.verdict import (
    Goals,
    Judgement,
    Verdict,
    judge_executions,
    judge_jobs,
    not_alone,
    overall_word,
    unfinished,
)
from rmixer.run_record.run_summary import JobSummary, RunSummary


def compare(every: Runs, goals: Goals | None = None) -> Comparison:
    """Compares one schedule's prediction with its first execution.

    Figures of a missing run are None. A job that was left out of the measured run has no figures;
    one that was added to it has only measured ones. Raises :class:`InputError` if two runs hold
    different jobs.
    """
    runs = every.of_predicted_jobs()
    predicted, measured = runs.predicted, runs.measured
    jobs = tuple(
        JobComparison.unpredicted(job)
        if job.was_left_out or job.late
        else _compare_job(predicted.job(job.id), job)
        for job in every.measured.jobs
    )
    step = _errors(pair.step_ms.error for pair in jobs)
    completion = _errors(pair.completion.error for pair in jobs)
    sizes = [abs(error) for error in step]
    solo = _solo_errors(runs)
    floor = _noise_floor(runs)
    alone = runs.sequential_predicted, runs.sequential
    makespan_s = predicted.makespan_s, measured.makespan_s
    makespan_error = _makespan_error(runs, predicted, measured)
    return Comparison(
        workload=measured.workload,
        machine=measured.machine,
        origin=predicted.origin,
        policy=measured.policy,
        makespan=TimePair(*makespan_s, makespan_error, predicted.makespan_interval_s),
        jobs=jobs,
        step_mape=_mean(sizes),
        step_p95=float(np.quantile(sizes, 0.95)) if sizes else None,
        step_max=max(sizes, default=None),
        step_bias=_mean(step),
        completion_mape=_mean_size(completion),
        solo_step_mape=_mean_size(solo) if solo is not None else None,
        noise_floor=floor,
        probe_drift=ProbeDrift.of(predicted.probe_s, measured.probe_s),
        ablations={
            name: Ablation(*_mean_sizes(run, measured), _makespan_error(runs, run, measured))
            for name, run in runs.ablations.items()
        },
        speedup=_speedup(runs),
        verdict=_verdict(runs, step, solo, floor, goals or Goals()),
        shared_with=runs.shared_with,
        doubtful=predicted.doubtful,
        interruptions=runs.interruptions,
        exchange_drift=ExchangeDrift.of((predicted, measured), (predicted, runs.repeat), alone),
        completion_mean=_flow_pair(runs, lambda run: run.completion_mean_s),
        completion_p95=_flow_pair(runs, lambda run: run.completion_p95_s),
        waiting_mean=_flow_pair(runs, lambda run: run.waiting_mean_s),
        waiting_p95=_flow_pair(runs, lambda run: run.waiting_p95_s),
        inside=Inside.of(jobs, _makespan_inside(runs)),
    )


def relative_error(predicted: float | None, measured: float | None) -> float | None:
    """Returns (predicted - measured) / measured, or None if a side is missing or is zero."""
    if predicted is None or not measured:
        return None
    return (predicted - measured) / measured


def _flow_pair(runs: Runs, figure: Callable[[RunSummary], float | None]) -> TimePair | None:
    """Returns a mean or percentile over jobs in both runs, or None if neither has it."""
    predicted_s, measured_s = figure(runs.predicted), figure(runs.measured)
    if predicted_s is None and measured_s is None:
        return None
    whole = _is_whole(runs, runs.predicted, runs.measured)
    error = relative_error(predicted_s, measured_s) if whole else None
    return TimePair(predicted_s, measured_s, error)


def _compare_job(predicted: JobSummary, measured: JobSummary) -> JobComparison:
    completed = predicted.state == measured.state == "done"
    end, step = (predicted.end_s, measured.end_s), (predicted.step_ms_p50, measured.step_ms_p50)
    peak = predicted.peak_bytes, measured.peak_bytes
    end_error = relative_error(*end) if completed and predicted.steps == measured.steps else None
    step_error, peak_error = (relative_error(*p) if completed else None for p in (step, peak))
    return JobComparison(
        measured.id,
        measured.model,
        measured.state,
        completion=TimePair(*end, end_error, predicted.end_interval_s),
        step_ms=StepPair(*step, step_error, predicted.step_interval_ms),
        peak_bytes=MemoryPair(*peak, peak_error),
    )


def _makespan_inside(runs: Runs) -> bool | None:
    predicted, measured = runs.predicted, runs.measured
    whole = _is_whole(runs, predicted, measured)
    return lies_in(measured.makespan_s, predicted.makespan_interval_s) if whole else None


def _of_other_length(predicted: RunSummary, measured: RunSummary) -> list[str]:
    """The jobs that were done after another number of steps than was predicted: programs with
    unknown or wrong steps, and jobs that stopped early."""
    done = [job for job in measured.jobs if job.state == "done"]
    return [job.id for job in done if predicted.job(job.id).steps != job.steps]


def all_completed(run: RunSummary) -> bool:
    """True if every job of ``run`` is done."""
    return all(job.state == "done" for job in run.jobs)


def _is_whole(runs: Runs, *sides: RunSummary) -> bool:
    """True if ``sides`` did all jobs, and none was added."""
    return not runs.late and all(map(all_completed, sides))


def _job_errors(predicted: RunSummary, measured: RunSummary) -> tuple[list[float], list[float]]:
    """The errors of the steps and of the completions."""
    pairs = [_compare_job(predicted.job(job.id), job) for job in measured.jobs]
    steps = _errors(pair.step_ms.error for pair in pairs)
    return steps, _errors(pair.completion.error for pair in pairs)


def _mean_sizes(predicted: RunSummary, measured: RunSummary) -> tuple[float | None, float | None]:
    steps, completions = _job_errors(predicted, measured)
    return _mean_size(steps), _mean_size(completions)


def _makespan_error(runs: Runs, predicted: RunSummary, measured: RunSummary) -> float | None:
    """The error of the makespan; None if it is of other work: jobs were added, did another number
    of steps, or did not end."""
    if runs.late or not all_completed(measured) or _of_other_length(predicted, measured):
        return None
    return relative_error(predicted.makespan_s, measured.makespan_s)


def _noise_floor(runs: Runs) -> NoiseFloor | None:
    """Returns the differences of the two executions; None if there was only one."""
    measured, repeat = runs.measured, runs.repeat
    if repeat is None:
        return None
    makespan = None
    if _is_whole(runs, measured, repeat):
        makespan = relative_error(measured.makespan_s, repeat.makespan_s)
    size = abs(makespan) if makespan is not None else None
    return NoiseFloor(*_mean_sizes(measured, repeat), size)


def _solo_errors(runs: Runs) -> list[float] | None:
    """The errors of the steps of jobs one at a time; None unless these were predicted and run."""
    alone, thought = runs.sequential, runs.sequential_predicted
    return None if thought is None or alone is None else _job_errors(thought, alone)[0]


def _speedup(runs: Runs) -> Speedup | None:
    alone, thought, best = runs.sequential, runs.sequential_predicted, runs.measured
    if alone is None:
        return None
    finished = _is_whole(runs, alone, best) and best.makespan_s > 0
    predicted_s = runs.predicted.makespan_s
    return Speedup(
        alone.makespan_s,
        best.makespan_s,
        factor=alone.makespan_s / best.makespan_s if finished else None,
        predicted_factor=thought.makespan_s / predicted_s if thought and predicted_s > 0 else None,
    )


def _verdict(
    runs: Runs,
    step: Sequence[float],
    solo: Sequence[float] | None,
    floor: NoiseFloor | None,
    goals: Goals,
) -> Verdict:
    step_floor = floor.step if floor is not None else None
    # Jobs one at a time are executed once: the floor of the same steps in company stands in.
    alone = judge_jobs(solo, goals.solo_step, step_floor) if solo is not None else None
    together = judge_jobs(step, goals.step, step_floor)
    makespan = _judge_makespan(runs, floor, goals.makespan)
    if others := runs.shared_with:
        alone = not_alone(alone, others) if alone is not None else None
        together, makespan = not_alone(together, others), not_alone(makespan, others)
    return Verdict(overall_word([alone, together, makespan]), alone, together, makespan)


def _judge_makespan(runs: Runs, floor: NoiseFloor | None, goal: float) -> Judgement:
    makespan_floor = floor.makespan if floor is not None else None
    predicted_s = runs.predicted.makespan_s

    def of_other_work(jobs: int, what: str, value: float | None = None) -> Judgement:
        noun = "job was" if jobs == 1 else "jobs were"
        why = f"{jobs} {noun} {what}, so it did not do the predicted work"
        return unfinished(goal, value, makespan_floor, why)

    if runs.late:
        return of_other_work(runs.late, "added later")
    errors = _errors(relative_error(predicted_s, run.makespan_s) for run in runs.executions)
    left = sum(job.state != "done" for run in runs.executions for job in run.jobs)
    if left:
        return of_other_work(left, "not completed", abs(errors[0]) if errors else None)
    if other := _of_other_length(runs.predicted, runs.measured):
        why = f"{', '.join(other)} made another number of steps than was predicted"
        return unfinished(goal, None, makespan_floor, why)
    return judge_executions(errors, goal, makespan_floor)


def _errors(found: Iterable[float | None]) -> list[float]:
    return [error for error in found if error is not None]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _mean_size(errors: Sequence[float]) -> float | None:
    return _mean([abs(error) for error in errors])
