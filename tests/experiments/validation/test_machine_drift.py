"""How far the machine of a run was from what it was when it was profiled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_runs import job, summary
from rich.console import Console

from experiments.tables.comparison_table import summary_table
from experiments.validation.compare import compare
from experiments.validation.compared_runs import Runs
from experiments.validation.comparison import ExchangeDrift
from rmixer.run_record.run_summary import RunSummary


def run(name: str, *exchanges_us: float | None) -> RunSummary:
    jobs = [replace(job(f"din-{i}"), exchange_us=us) for i, us in enumerate(exchanges_us)]
    return summary(jobs, run=name)


PREDICTED = run("predicted", 38.0, 42.0, None)
MEASURED = run("measured", 70.0, 50.0, 90.0)


def test_the_exchange_is_compared_where_both_sides_know_it() -> None:
    """(70 + 50) / (38 + 42) of two jobs; then 20 more of a job of the second pair."""
    drift = ExchangeDrift.of((PREDICTED, MEASURED), (None, MEASURED), (PREDICTED, None))
    assert drift is not None
    assert (drift.jobs, drift.profiled_us, drift.measured_us, drift.ratio) == (2, 40, 60, 1.5)
    drift = ExchangeDrift.of((PREDICTED, MEASURED), (run("p", 40.0), run("m", 20.0)))
    assert drift is not None
    assert (drift.jobs, drift.ratio) == (3, pytest.approx(140 / 120))


def test_where_no_job_has_several_threads_nothing_is_said() -> None:
    assert ExchangeDrift.of((run("predicted", None), run("measured", None))) is None
    assert ExchangeDrift.of((run("predicted", 40.0), run("measured", None))) is None
    assert compare(Runs(run("predicted", None), run("measured", None))).exchange_drift is None


def test_a_comparison_says_so_of_all_its_executions() -> None:
    comparison = compare(
        Runs(
            PREDICTED,
            MEASURED,
            repeat=run("repeat", 40.0, 40.0, None),
            sequential_predicted=run("alone", 40.0, 40.0, 40.0),
            sequential=run("sequential", 20.0, 20.0, 20.0),
        )
    )
    assert comparison.exchange_drift is not None
    assert comparison.exchange_drift.jobs == 7
    assert comparison.exchange_drift.ratio == pytest.approx((120 + 80 + 60) / (80 + 80 + 120))
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(summary_table(comparison))
    said = "data took 7.1% shorter than when it was profiled, around 7 job(s) with several threads"
    assert said in " ".join(capture.get().split())
