"""The tables of a page: columns that say something, ranks, devices, attempts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fake_runs import job
from reported_runs import empty_run, executed_run

from experiments.report.candidates import candidates_table
from experiments.report.page_table import Cell, Column, moment, number, table, time, words
from experiments.report.ran import counts_words, devices_table, failures_table, ran_words
from experiments.report.run_content import read_content
from experiments.report.trained import also_words, best_table, jobs_table, reason, steps_words
from experiments.run_files.sweep_file import SweepRow
from rmixer.run_record.run_summary import RunSummary
from rmixer.testing.made_up import make_job
from rmixer.workload.real_training import EarlyStop, LrSchedule

JOBS = ("criteo_dlrm-0", "amazon_din-0", "criteo_dlrm-1")


def test_a_column_in_which_no_row_says_anything_is_left_out() -> None:
    columns = [Column("a"), Column("empty"), Column("b", True)]
    rows = [(words(""), words(""), number(1.0)), (words(""), words(None), number(None))]
    made = table("t", columns, rows)
    assert [column.name for column in made.columns] == ["a", "b"]
    assert made.rows[0] == (Cell("–"), Cell("1", 1.0))


def test_what_all_rows_share_is_said_once() -> None:
    columns = [Column("a"), Column("batch", True, shared=True), Column("lr", True, shared=True)]
    rows = [(words("x"), number(32), number(0.1, str)), (words("y"), number(32), number(0.2, str))]
    made = table("t", columns, rows, ["more"])
    assert [column.name for column in made.columns] == ["a", "lr"]
    assert made.below == ("In all rows: batch 32.", "more")
    assert len(table("t", columns, rows[:1]).columns) == 3


def test_times_are_written_for_people_and_sorted_as_numbers() -> None:
    assert time(754.0) == Cell("12:34 min", 754.0)
    assert moment(-0.004).text == "–"
    assert moment(12.0).text == "12.0 s"


def test_configurations_stand_as_they_were_ranked_with_what_their_jobs_wish() -> None:
    """The first is the best by tardiness."""
    rows = [SweepRow("search", makespan_s=9.0, tardiness_s=0.5), SweepRow("lpt", makespan_s=8.0)]
    made = candidates_table(rows)
    at = [column.name for column in made.columns].index("tardiness")
    assert [row[at].order for row in made.rows] == [0.5, None]
    assert [row[1].text for row in made.rows] == ["search", "lpt"]
    assert "tardiness" not in [column.name for column in candidates_table(rows[1:]).columns]


def test_jobs_stand_by_model_the_best_first(tmp_path: Path) -> None:
    """AUCs are 0.700, 0.701, 0.702 in order of the jobs."""
    content = read_content(executed_run(tmp_path / "run", JOBS))
    jobs = jobs_table(content)
    at = {column.name: place for place, column in enumerate(jobs.columns)}
    assert [(row[at["job"]].text, row[at["rank"]].text) for row in jobs.rows] == [
        ("criteo_dlrm-1", "1"),
        ("criteo_dlrm-0", "2"),
        ("amazon_din-0", "1"),
    ]
    best = best_table(content)
    assert best is not None
    assert [[cell.text for cell in row] for row in best.rows] == [
        ["criteo_dlrm", "AUC", "criteo_dlrm-1", "0.7020", "criteo_dlrm-0", "0.7000", "2"]
    ]


def test_steps_that_are_missing_are_said() -> None:
    asked = make_job("a", steps=100)
    assert steps_words(100, asked) == "100"
    assert steps_words(40, asked) == "40 of 100"
    assert steps_words(4000, None) == "4,000"


def test_a_job_that_stopped_early_says_why() -> None:
    asked = replace(make_job("criteo_dlrm-0", steps=500), stop=EarlyStop("auc", 3))
    done = replace(job("criteo_dlrm-0", steps=200), stopped_early=True)
    assert reason(done, asked) == "stopped early: no better auc for 3 evaluations"
    assert reason(done, None) == "stopped early"
    other = replace(done, stopped_early=False)
    assert reason(other, asked) == ""
    assert reason(replace(other, quality={"auc": None}), None).startswith("its metrics are unknown")


def test_what_else_a_workload_says_of_a_job_is_said() -> None:
    asked = replace(
        make_job("a"), weight_decay=0.01, lr_schedule=LrSchedule("cosine", 50), momentum=0.9
    )
    assert also_words(asked) == (
        "weight_decay 0.01, momentum 0.9, cosine rate after 50 steps of warm-up"
    )
    assert also_words(replace(make_job("a"), lr_schedule=LrSchedule("linear"))) == "linear rate"
    assert also_words(make_job("a")) == ""


def test_devices_have_both_sides_and_their_room(tmp_path: Path) -> None:
    """Both runs held 2 GiB at most, of 8."""
    devices = devices_table(read_content(executed_run(tmp_path / "run", JOBS)))
    assert devices is not None
    assert [cell.text for cell in devices.rows[0]] == [
        "cpu:0",
        "90.0%",
        "90.0%",
        "2.00 GiB",
        "2.00 GiB",
        "8.00 GiB",
        "25.0%",
    ]


def test_an_attempt_that_was_tried_again_is_told_from_one_that_was_the_last(
    tmp_path: Path,
) -> None:
    changes = {
        JOBS[0]: {"attempt": 2, "causes": ("out_of_memory",)},
        JOBS[1]: {"state": "failed", "causes": ("exception",), "error": "KeyError: 3"},
        JOBS[2]: {"state": "queued", "attempt": 0},
    }
    content = read_content(executed_run(tmp_path / "run", JOBS, changes))
    wrong = failures_table(content)
    assert wrong is not None
    assert [[cell.text for cell in row] for row in wrong.rows] == [
        [JOBS[0], "1", "out of memory", "tried again", "–"],
        [JOBS[1], "1", "exception", "failed", "KeyError: 3"],
    ]
    assert ran_words(content) == [f"Started more than once: {JOBS[0]}."]


def test_a_run_without_a_mishap_says_so(tmp_path: Path) -> None:
    content = read_content(executed_run(tmp_path / "run", JOBS))
    assert failures_table(content) is None
    assert ran_words(content) == ["All jobs are done, and no attempt failed."]


def test_what_stands_in_the_middle_of_a_run_that_goes_on_is_running(tmp_path: Path) -> None:
    changes = {JOBS[0]: {"state": "interrupted"}, JOBS[1]: {"state": "queued"}}
    content = read_content(executed_run(tmp_path / "run", JOBS, changes))
    assert content.executed is not None
    summary: RunSummary = content.executed[1]
    assert counts_words(summary.jobs) == "1 done, 1 interrupted, 1 queued"
    assert counts_words(summary.jobs, goes_on=True) == "1 done, 1 running, 1 queued"


def test_a_folder_with_nothing_in_it_has_a_table_of_its_jobs(tmp_path: Path) -> None:
    jobs = jobs_table(read_content(empty_run(tmp_path / "run", JOBS)))
    assert [row[0].text for row in jobs.rows] == list(JOBS)
    assert "ends" not in [column.name for column in jobs.columns]
