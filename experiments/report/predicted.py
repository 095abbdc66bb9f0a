"""The quality of a run's prediction: sentences, the errors of jobs, and the verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.report.page_table import (
    Column,
    PageTable,
    memory,
    number,
    share,
    signed,
    step_time,
    table,
    time,
    words,
)
from experiments.report.run_content import RunContent
from experiments.tables.comparison_table import judgements
from experiments.validation.comparison import Ablation, Comparison, NoiseFloor
from rmixer.display.quantities import percent, seconds, seconds_range

ABLATION_WORDS = {
    "no_contention": "Without contention between jobs",
    "sum_of_operators": "By adding up the operators of each job alone",
}
MOODS = {"pass": "good", "fail": "bad"}


@dataclass(frozen=True)
class Statement:
    """A sentence or two about ``topic``."""

    topic: str
    text: str
    mood: str = ""


def statements(comparison: Comparison) -> list[Statement]:
    """A statement about each part of a comparison."""
    word = comparison.verdict.overall
    said = [
        Statement("Verdict", f"{word.capitalize()}.", MOODS.get(word, "")),
        Statement("Makespan", _makespan(comparison)),
        Statement("Completion", _completion(comparison)),
        Statement("Steps", _steps(comparison)),
    ]
    if comparison.solo_step_mape is not None:
        alone = percent(comparison.solo_step_mape)
        text = f"One job at a time, the steps were off by {alone} in the mean."
        said.append(Statement("Steps alone", text))
    said.append(Statement("Noise floor", _noise(comparison.noise_floor)))
    said.append(Statement("Intervals", _intervals(comparison)))
    said += [
        Statement("Simpler model", _ablation(name, ablation))
        for name, ablation in comparison.ablations.items()
    ]
    if comparison.speedup is not None and comparison.speedup.factor is not None:
        speedup = comparison.speedup
        thought = speedup.predicted_factor
        predicted = f" Predicted were {thought:.2f} times." if thought is not None else ""
        text = (
            f"The schedule took {seconds(speedup.best_s)}, one job at a time "
            f"{seconds(speedup.sequential_s)}: {speedup.factor:.2f} times as fast.{predicted}"
        )
        said.append(Statement("Gain", text))
    drift = comparison.probe_drift
    said += [Statement("Doubtful prediction", f"{doubt}.") for doubt in comparison.doubtful]
    if drift is not None and not comparison.shared_with:
        pace = "slower" if drift.ratio >= 1 else "faster"
        text = f"It was {abs(drift.ratio - 1):.1%} {pace} than when the models were profiled."
        said.append(Statement("This machine", text))
    if comparison.shared_with:
        others = ", ".join(comparison.shared_with)
        said.append(Statement("Other runs", f"{others} used the same cores at the same time."))
    return said


def same_work(comparison: Comparison) -> bool:
    """True if the makespans are of the same work: all jobs are done, with the predicted steps. Only
    then does an error say anything about the prediction."""
    done = all(job.state == "done" for job in comparison.jobs)
    return done and comparison.makespan.error is not None


def _makespan(comparison: Comparison) -> str:
    pair = comparison.makespan
    both = f"{seconds(pair.predicted_s)} were predicted, {seconds(pair.measured_s)} measured"
    if not same_work(comparison):
        return f"{both}. They are not compared: not the same work was done."
    return f"{both}: the prediction was {_off(pair.error or 0.0)}."


def _completion(comparison: Comparison) -> str:
    """A text about the ends of jobs, counted from the first dispatch."""
    errors = [job.completion.error for job in comparison.jobs if job.completion.error is not None]
    if not errors:
        return "No job was completed in both, so nothing is known."
    late = sum(error < 0 for error in errors)
    return (
        f"The ends of {len(errors)} jobs were off by {percent(comparison.completion_mape)} in the "
        f"mean; {late or 'none'} ended later than predicted."
    )


def _steps(comparison: Comparison) -> str:
    if comparison.step_mape is None:
        return "No job was completed in both, so nothing is known."
    bias = comparison.step_bias
    way = "" if bias is None else f" With its sign, the mean is {_off(bias)}."
    return (
        f"The median step of a job was off by {percent(comparison.step_mape)} in the mean and "
        f"{percent(comparison.step_max)} at most.{way}"
    )


def _noise(floor: NoiseFloor | None) -> str:
    if floor is None:
        return (
            "The schedule was executed once, so this machine's own noise is unknown "
            "(`rmixer run --verify` measures it)."
        )
    return (
        f"Two executions of the same schedule differ by {percent(floor.makespan)} in the makespan, "
        f"{percent(floor.completion)} in the ends of jobs and {percent(floor.step)} in the steps. "
        "No prediction can be shown to be better than that."
    )


def _intervals(comparison: Comparison) -> str:
    inside = comparison.inside
    if inside is None:
        return "No measured value can be compared with a 90% interval."
    text = (
        f"Inside the 90% interval lay {inside.steps} of {inside.steps_of} measured steps and "
        f"{inside.completions} of {inside.completions_of} ends of jobs"
    )
    if inside.makespan is None or comparison.makespan.interval_s is None:
        return f"{text}."
    interval = seconds_range(comparison.makespan.interval_s)
    return f"{text}; the makespan did{'' if inside.makespan else ' not'} ({interval})."


def _ablation(name: str, ablation: Ablation) -> str:
    how = ABLATION_WORDS.get(name, f"By {name.replace('_', ' ')}")
    makespan = ""
    if ablation.makespan_error is not None:
        makespan = f", and the makespan {_off(ablation.makespan_error)}"
    return f"{how} the steps would be off by {percent(ablation.step_mape)} in the mean{makespan}."


def _off(error: float) -> str:
    """``2.5% too long``: the size of a signed error and which way."""
    if abs(error) < 0.0005:
        return "right"
    return f"{abs(error):.1%} too {'long' if error > 0 else 'short'}"


def errors_table(comparison: Comparison) -> PageTable:
    """A row a job: step, end and memory, predicted and measured, with the signed error."""
    goal = comparison.verdict.step.goal
    columns = [
        Column("job"),
        Column("step predicted", True, "the median"),
        Column("step measured", True, "the median"),
        Column("step error", True, "(predicted − measured) ÷ measured"),
        Column("end predicted", True, "from the first dispatch"),
        Column("end measured", True, "from the first dispatch"),
        Column("end error", True, "(predicted − measured) ÷ measured"),
        Column("memory predicted", True, "peak"),
        Column("memory measured", True, "peak"),
        Column("memory error", True, "(predicted − measured) ÷ measured"),
    ]
    rows = [
        (
            words(job.id),
            step_time(job.step_ms.predicted_ms),
            step_time(job.step_ms.measured_ms),
            signed(job.step_ms.error, goal),
            time(job.completion.predicted_s),
            time(job.completion.measured_s) if job.state == "done" else words(job.state),
            signed(job.completion.error),
            memory(job.peak_bytes.predicted_bytes or None),
            memory(job.peak_bytes.measured_bytes or None),
            signed(job.peak_bytes.error),
        )
        for job in comparison.jobs
    ]
    beyond = any(cell.mood for row in rows for cell in row)
    below = [f"A step error in red is larger than the goal of {goal:.0%}."] if beyond else []
    return table("Predicted and measured", columns, rows, below)


def verdict_table(comparison: Comparison) -> PageTable:
    """A row an error that has a goal."""
    columns = [
        Column("error"),
        Column("found", True, "its size, in the mean over jobs"),
        Column("95% interval", False, "where the mean lies with 95% probability"),
        Column("noise floor", True, "the same between two executions of one schedule"),
        Column("goal", True),
        Column("verdict"),
        Column("because", wide=True),
    ]
    rows = [
        (
            words(name),
            share(judgement.value),
            words(
                None
                if judgement.low is None
                else f"{percent(judgement.low)} to {percent(judgement.high)}"
            ),
            share(judgement.floor),
            number(judgement.goal, "{:.0%}".format),
            words(judgement.verdict, MOODS.get(judgement.verdict, "")),
            words(judgement.why),
        )
        for name, judgement in judgements(comparison)
    ]
    return table("Verdicts", columns, rows)


def unknown_words(content: RunContent) -> str:
    """The reason why there is no comparison."""
    if content.executed is None:
        return "The run was not executed, so there is nothing to compare the prediction with."
    return "The folder holds no prediction of this run, so there is nothing to compare."
