"""The comparison for a reader: a table of jobs, and a summary below it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.validation.comparison import (
    Comparison,
    ExchangeDrift,
    Inside,
    JobComparison,
    Speedup,
    TimePair,
)
from experiments.validation.verdict import Judgement
from rmixer.display.quantities import ABSENT, milliseconds, percent, seconds, signed_percent
from rmixer.display.tables import NumberTable, WholeTable

ABLATION_LABELS = {
    "sum_of_operators": "operators added up",
    "no_contention": "contention ignored",
}
_COLOURS = {
    "pass": "green",
    "fail": "red",
    "undecided": "yellow",
    "not measurable here": "yellow",
}


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Prints the table of jobs, the table of verdicts, and the summary below them."""
    console.print(comparison_table(comparison))
    console.print(verdict_table(comparison))
    console.print(summary_table(comparison))


def comparison_table(comparison: Comparison) -> NumberTable:
    """A row a job: median step and completion, predicted and measured, with the signed error."""
    modelled = "; modelled profiles" if comparison.origin == "modelled" else ""
    title = (
        f"{comparison.workload} by {comparison.policy} on {comparison.machine}: "
        f"predicted and measured{modelled}"
    )
    table = NumberTable(title).shortened("job")
    for what in ("step", "completion"):
        table.numbers(f"{what}\npredicted", "\nmeasured", "\nerror")
    for job in comparison.jobs:
        table.add_row(*_job_row(job))
    table.add_section()
    makespan = comparison.makespan
    table.add_row(
        "makespan",
        "",
        "",
        "",
        seconds(makespan.predicted_s),
        seconds(makespan.measured_s),
        signed_percent(makespan.error),
        style="bold",
    )
    if makespan.interval_s is not None:
        low, high = map(seconds, makespan.interval_s)
        table.add_row("90% interval", "", "", "", f"{low} to\n{high}")
    return table


def _job_row(job: JobComparison) -> list[str]:
    done = job.state == "done"
    return [
        job.id,
        milliseconds(job.step_ms.predicted_ms),
        milliseconds(job.step_ms.measured_ms),
        signed_percent(job.step_ms.error),
        seconds(job.completion.predicted_s),
        seconds(job.completion.measured_s) if done else job.state,
        signed_percent(job.completion.error),
    ]


def verdict_table(comparison: Comparison) -> NumberTable:
    """A row an error that has a goal: its size, its interval, the noise floor, the goal, and
    the verdict."""
    verdict = comparison.verdict
    table = NumberTable().words("error").numbers("found", "95% interval", "noise floor", "goal")
    table.words("verdict")
    for name, judgement in judgements(comparison):
        table.add_row(
            name,
            percent(judgement.value),
            _span(judgement.low, judgement.high),
            percent(judgement.floor),
            f"{judgement.goal:.0%}",
            Text(judgement.verdict, style=_COLOURS[judgement.verdict]),
        )
    table.add_section()
    overall = Text(verdict.overall, style=f"bold {_COLOURS[verdict.overall]}")
    table.add_row("all", "", "", "", "", overall)
    return table


def judgements(comparison: Comparison) -> list[tuple[str, Judgement]]:
    """Each error that has a goal, by its name."""
    verdict = comparison.verdict
    named = (
        ("step alone (mean over jobs)", verdict.solo_step),
        ("step together (mean over jobs)", verdict.step),
        ("makespan", verdict.makespan),
    )
    return [(name, judgement) for name, judgement in named if judgement is not None]


def _span(low: float | None, high: float | None) -> str:
    return ABSENT if low is None else f"{percent(low)} – {percent(high)}"


def summary_table(comparison: Comparison) -> Table:
    """The reasons of verdicts other than pass, the spread of the errors, the predictions of simpler
    models, and the gain over one job at a time, in words."""
    table = WholeTable(box=None, show_header=False, padding=(0, 2), collapse_padding=True)
    table.words("").folded("")
    for name, text in _summary_lines(comparison):
        table.add_row(name, text)
    return table


def _summary_lines(comparison: Comparison) -> list[tuple[str, str]]:
    lines = [
        (f"{judgement.verdict}: {name.partition(' (')[0]}", judgement.why)
        for name, judgement in judgements(comparison)
        if judgement.verdict != "pass"
    ]
    if left := [job.id for job in comparison.jobs if job.state != "done"]:
        lines.append(("left out of the means", f"not completed: {', '.join(left)}"))
    spread = (
        f"95th percentile {percent(comparison.step_p95)}, largest "
        f"{percent(comparison.step_max)}, bias {signed_percent(comparison.step_bias)}"
    )
    lines.append(("step errors", spread))
    floor = comparison.noise_floor
    noise = f"; noise floor {percent(floor.completion)}" if floor is not None else ""
    lines.append(("completion errors", f"mean {percent(comparison.completion_mape)}{noise}"))
    if comparison.inside is not None:
        lines.append(("in the 90% interval", _inside_words(comparison.inside)))
    for name, mean, p95 in (
        ("from arrival to end", comparison.completion_mean, comparison.completion_p95),
        ("from arrival to start", comparison.waiting_mean, comparison.waiting_p95),
    ):
        if mean is not None and p95 is not None:
            lines.append((name, f"mean {_both_words(mean)}, p95 {_both_words(p95)}"))
    for name, ablation in comparison.ablations.items():
        text = (
            f"step {percent(ablation.step_mape)}, completion "
            f"{percent(ablation.completion_mape)}, makespan "
            f"{signed_percent(ablation.makespan_error)}"
        )
        lines.append((ABLATION_LABELS.get(name, name.replace("_", " ")), text))
    for doubt in comparison.doubtful:
        lines.append(("doubtful prediction", doubt))
    if comparison.probe_drift is not None and not comparison.shared_with:
        ratio = comparison.probe_drift.ratio
        pace = "slower" if ratio >= 1 else "faster"
        text = f"{abs(ratio - 1):.1%} {pace} than when it was profiled, by a fixed computation"
        lines.append(("this machine", text))
    if comparison.exchange_drift is not None and not comparison.shared_with:
        lines.append(("between its cores", _exchange_words(comparison.exchange_drift)))
    if comparison.shared_with:
        others = ", ".join(comparison.shared_with)
        text = f"{others} used the same cores at the same time: its speed alone is not known"
        lines.append(("shared machine", text))
    if comparison.interruptions:
        lines.append(("interrupted", _interrupted_words(comparison.interruptions)))
    if comparison.speedup is not None:
        lines.append(("against one at a time", _speedup_words(comparison.speedup)))
    return lines


def _inside_words(inside: Inside) -> str:
    """``measured steps 5 of 6, completions 6 of 6, makespan yes``."""
    words = [
        f"measured steps {inside.steps} of {inside.steps_of}",
        f"completions {inside.completions} of {inside.completions_of}",
    ]
    if inside.makespan is not None:
        words.append(f"makespan {'yes' if inside.makespan else 'no'}")
    return ", ".join(words)


def _interrupted_words(times: int) -> str:
    often = "once" if times == 1 else f"{times} times"
    return f"{often}: work that was done twice is in the measured figures"


def _both_words(pair: TimePair) -> str:
    return f"{seconds(pair.measured_s)} (predicted {seconds(pair.predicted_s)})"


def _exchange_words(drift: ExchangeDrift) -> str:
    pace = "longer" if drift.ratio >= 1 else "shorter"
    return (
        f"data took {abs(drift.ratio - 1):.1%} {pace} than when it was profiled, around "
        f"{drift.jobs} job(s) with several threads"
    )


def _speedup_words(speedup: Speedup) -> str:
    if speedup.factor is None:
        return "not known: not every job was completed, or jobs were added"
    predicted = ""
    if speedup.predicted_factor is not None:
        predicted = f"; predicted {speedup.predicted_factor:.2f} times"
    return (
        f"{speedup.factor:.2f} times as fast: {seconds(speedup.best_s)} instead of "
        f"{seconds(speedup.sequential_s)}{predicted}"
    )
