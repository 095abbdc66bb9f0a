"""What a reader of a comparison sees, in 100 columns and without colours."""

from __future__ import annotations

from dataclasses import replace

from fake_runs import fail, job_names, packed_run, summary
from rich.console import Console

from experiments.tables.comparison_table import print_comparison
from experiments.validation.compare import compare
from experiments.validation.compared_runs import Runs
from experiments.validation.comparison import Comparison

NAMES = job_names(6)
PREDICTED, _ = packed_run(NAMES, 2, run="predicted")
MEASURED, _ = packed_run(NAMES, 2, run="measured", noise=0.05, seed=1)
ALONE, _ = packed_run(NAMES, 1, run="sequential")


def text_of(comparison: Comparison) -> str:
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        print_comparison(console, comparison)
    return capture.get()


def full() -> Comparison:
    return compare(
        Runs(
            replace(PREDICTED, probe_s=0.05),
            replace(MEASURED, probe_s=0.055),
            repeat=replace(MEASURED, makespan_s=MEASURED.makespan_s * 1.001),
            sequential=ALONE,
            sequential_predicted=ALONE,
            ablations={"no_contention": ALONE, "sum_of_operators": ALONE},
        )
    )


def line_of(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(start))


def test_nothing_is_cut_off_at_100_columns() -> None:
    text = text_of(full())
    assert "…" not in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_row_a_job_with_units_and_signs() -> None:
    comparison = full()
    text = text_of(comparison)
    row = line_of(text, NAMES[0]).split()
    first = comparison.jobs[0]
    assert row[1:3] == [f"{first.step_ms.predicted_ms:.1f}", "ms"]
    assert row[5] == f"{first.step_ms.error:+.1%}".replace("-", "−")
    for name in NAMES:
        assert line_of(text, name)
    assert line_of(text, "makespan").split()[1] == f"{PREDICTED.makespan_s:.1f}"


def test_the_verdicts_have_their_interval_floor_and_goal() -> None:
    line = line_of(text_of(full()), "step together")
    assert line.split()[-2:] == ["15%", "pass"]
    assert "–" in line


def test_the_gain_and_the_ablations_are_in_words() -> None:
    comparison = full()
    text = text_of(comparison)
    assert comparison.speedup is not None
    assert f"{comparison.speedup.factor:.2f} times as fast" in text
    assert line_of(text, "contention ignored")
    assert line_of(text, "operators added up")
    assert "10.0% slower than when it was profiled" in text


def test_an_interrupted_run_says_so_in_a_line() -> None:
    assert "interrupted" not in text_of(full())
    once = replace(MEASURED, interruptions=1)
    line = line_of(text_of(compare(Runs(PREDICTED, once))), "interrupted")
    words = "once: work that was done twice is in the measured figures"
    assert line.split("interrupted")[1].strip() == words
    alone = replace(ALONE, interruptions=2)
    comparison = compare(Runs(PREDICTED, once, sequential=alone))
    assert "3 times: work" in line_of(text_of(comparison), "interrupted")


def test_an_unfinished_run_says_what_is_missing() -> None:
    text = text_of(compare(Runs(PREDICTED, fail(MEASURED, NAMES[1]), sequential=ALONE)))
    assert "failed" in line_of(text, NAMES[1])
    assert f"not completed: {NAMES[1]}" in text
    assert "not known: not every job was completed" in text
    assert "undecided: makespan" in text


def test_a_long_name_is_shortened_and_the_figures_are_not() -> None:
    jobs = [replace(each, id=each.id + "-of-a-very-long-sweep-indeed") for each in MEASURED.jobs]
    text = text_of(compare(Runs(summary(jobs), summary(jobs))))
    assert max(map(len, text.splitlines())) <= 100
    assert text.count("+0.0%") >= 2 * len(jobs)


def test_modelled_profiles_are_named() -> None:
    text = text_of(compare(Runs(replace(PREDICTED, origin="modelled"), MEASURED)))
    assert "modelled" in text.splitlines()[0]


def test_the_interval_of_the_makespan_and_what_lies_inside() -> None:
    low_s, high_s = PREDICTED.makespan_s * 0.9, PREDICTED.makespan_s * 1.1
    told = replace(PREDICTED, makespan_interval_s=(low_s, high_s))
    comparison = compare(Runs(told, MEASURED))
    lines = text_of(comparison).splitlines()
    at = next(index for index, line in enumerate(lines) if line.strip().startswith("makespan"))
    assert lines[at + 1].split() == ["90%", "interval", f"{low_s:.1f}", "s", "to"]
    assert lines[at + 2].split() == [f"{high_s:.1f}", "s"]
    inside = line_of(text_of(comparison), "in the 90% interval")
    assert "measured steps 0 of 0, completions 0 of 0, makespan yes" in inside
    assert "90%" not in text_of(compare(Runs(PREDICTED, MEASURED)))


def test_how_fast_a_shared_machine_was_is_not_told() -> None:
    """Two executions at once slow the fixed computation as well: it says nothing of the machine."""
    alone = text_of(full())
    assert "10.0% slower than when it was profiled" in line_of(alone, "this machine")
    shared = replace(full(), shared_with=("`rmixer run q` (process 7)",))
    text = text_of(shared)
    assert not any(line.strip().startswith("this machine") for line in text.splitlines())
    assert "its speed alone is not known" in " ".join(text.split())


def test_a_doubtful_prediction_says_why() -> None:
    text = text_of(replace(full(), doubtful=("m-b1 with 1 thread(s): its worker waited 82%",)))
    assert "its worker waited 82%" in line_of(text, "doubtful prediction")
