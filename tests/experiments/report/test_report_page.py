"""The page of every kind of run: whole, alone, escaped, and true to the files."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from fake_runs import job_names, packed_run
from page_reader import Page
from reported_runs import ODD, add_metrics, add_sweep, empty_run, executed_run

from experiments.report.page import render, with_code, write_report
from experiments.run_files.run_folder import MEASURED, PREDICTED, SEQUENTIAL, RunFolder
from rmixer.files.typed_files import write_text
from rmixer.run_record.metrics import metrics_path

JOBS = ("criteo_dlrm-0", ODD, "criteo_dlrm-1", "amazon_din-0")


def page_of(folder: RunFolder) -> Page:
    """The page of ``folder``; checks what holds for each page."""
    html, _ = render(folder)
    page = Page(html)
    assert [place for place in page.refers if not place.startswith("#")] == []
    assert {place.removeprefix("#") for place in page.refers} <= set(page.ids)
    assert [name for name, times in page.ids.items() if times > 1] == []
    assert "http" not in html
    assert "@import" not in html
    assert re.findall(r"url\((?!#)", html) == []
    used = set(re.findall(r"url\(#([^)]+)\)", html))
    assert used <= set(page.ids)
    return page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of a run with a failed, a cancelled and a late job, metrics and a sweep."""
    changes = {
        "criteo_dlrm-1": {
            "state": "failed",
            "attempt": 2,
            "error": "ValueError: <i>no</i>\nand more",
            "causes": ("lost_worker", "exception"),
            "loss": None,
            "quality": {},
            "steps": 40,
        },
        "amazon_din-0": {"state": "cancelled"},
    }
    folder = executed_run(tmp_path_factory.mktemp("executed") / "run", JOBS, changes)
    add_metrics(folder, JOBS[:3])
    add_sweep(folder)
    write_text(folder.path / "failures" / "criteo_dlrm-1.txt", "Traceback\n</pre><script>x\n")
    return page_of(folder)


def test_all_jobs_are_there_and_nothing_of_them_is_markup(page: Page) -> None:
    assert sorted(page.tables["jobs"].column("job")) == sorted(JOBS)
    assert page.tags["i"] == 0
    assert page.tags["b"] == 0
    assert page.tags["script"] == 1
    assert "</pre><script>x" in page.text
    assert ODD in page.tables["errors"].column("job")
    assert page.tables["jobs"].column("reason").count("ValueError: <i>no</i>") == 1


def test_its_tables_say_what_the_files_say(page: Page) -> None:
    jobs = page.tables["jobs"]
    states = dict(zip(jobs.column("job"), jobs.column("state"), strict=True))
    assert states == {
        JOBS[0]: "done",
        ODD: "done",
        "criteo_dlrm-1": "failed",
        "amazon_din-0": "cancelled",
    }
    losses = dict(zip(jobs.column("job"), jobs.column("held-out loss"), strict=True))
    assert losses[JOBS[0]] == "0.5000"
    assert losses["criteo_dlrm-1"] == "–"
    assert dict(zip(jobs.column("job"), jobs.column("AUC"), strict=True))[ODD] == "0.7010"
    wrong = page.tables["failures"]
    assert [row[:4] for row in wrong.rows] == [
        ["criteo_dlrm-1", "1", "lost worker", "tried again"],
        ["criteo_dlrm-1", "2", "exception", "failed"],
        ["amazon_din-0", "1", "–", "cancelled"],
    ]
    assert [row[0] for row in page.tables["candidates"].rows] == ["1", "2", "3", "4", "5"]
    assert page.tables["candidates"].column("policy")[:2] == ["dyType", "dySequ"]
    assert "1 not simulated: slots × threads are more than the 2 cores" in page.text


def test_numbers_are_sorted_by_their_values(page: Page) -> None:
    jobs = page.tables["jobs"]
    place = jobs.head.index("held-out loss")
    orders = {row[0]: order[place] for row, order in zip(jobs.rows, jobs.orders, strict=True)}
    assert orders[JOBS[0]] == "0.5"
    assert orders["criteo_dlrm-1"] is None


def test_curves_are_drawn_for_the_jobs_that_have_metrics(page: Page) -> None:
    assert page.text.count("loss in training") == 2  # two models
    assert "Without metrics over time: amazon_din-0." in page.text


def test_a_run_of_an_earlier_release_has_final_figures_alone(tmp_path: Path) -> None:
    page = page_of(executed_run(tmp_path / "run", JOBS))
    assert "This run kept no metrics over time" in page.text
    assert page.tables["jobs"].column("AUC") != []


def test_a_simulated_run_has_a_schedule_and_nothing_measured(tmp_path: Path) -> None:
    folder = empty_run(tmp_path / "run", JOBS, "simulate")
    summary, timeline = packed_run(JOBS, 2, run="predicted")
    folder.write(MEASURED, timeline, replace(summary, origin="modelled"))
    page = page_of(folder)
    assert "What is to be trained" in page.text
    assert "the prediction was" not in page.text
    assert "not executed, so there is nothing to compare" in page.text
    assert "modelled : the profiles behind the prediction were not measured" in page.text
    assert page.tables["jobs"].column("ends")[0].endswith(" s")
    assert page.tables["devices"].column("busy, predicted") == ["90.0%"]


def test_a_sweep_has_candidates_and_the_best_schedule(tmp_path: Path) -> None:
    folder = empty_run(tmp_path / "run", JOBS, "sweep")
    for part, slots in ((PREDICTED, 2), ("sequential_predicted", 1)):
        summary, timeline = packed_run(JOBS, slots, run="predicted")
        folder.write(part, timeline, summary)
    add_sweep(folder)
    page = page_of(folder)
    assert page.tables["executions"].column("run") == [
        "the schedule, predicted",
        "one job at a time, predicted",
    ]
    assert len(page.tables["candidates"].rows) == 5


def test_a_verified_run_says_what_it_is_worth(tmp_path: Path) -> None:
    folder = executed_run(tmp_path / "run", JOBS)
    for part, slots, run, noise in (
        (SEQUENTIAL, 1, "measured", 0.02),
        ("sequential_predicted", 1, "predicted", 0.0),
        ("repeat", 2, "measured", 0.04),
        ("ablations/no_contention", 2, "no_contention", 0.3),
    ):
        summary, timeline = packed_run(JOBS, slots, run=run, noise=noise, seed=3)
        folder.write(part, timeline, summary)
    text = page_of(folder).text
    assert "Two executions of the same schedule differ by" in text
    assert "Without contention between jobs the steps would be off by" in text
    assert "times as fast. Predicted were" in text


def test_a_run_that_left_nothing_has_a_page(tmp_path: Path) -> None:
    page = page_of(empty_run(tmp_path / "run", JOBS))
    assert sorted(page.tables["jobs"].column("job")) == sorted(JOBS)


def test_what_cannot_be_read_is_said_and_the_rest_is_shown(tmp_path: Path) -> None:
    folder = executed_run(tmp_path / "run", JOBS)
    add_metrics(folder, JOBS[:1])
    path = metrics_path(folder.path, JOBS[0])
    with path.open("a") as file:
        file.write("99,,")
    (folder.path / "fingerprint.json").write_text("{")
    notes = write_report(folder, tmp_path / "page.html")
    assert [note.partition(": ")[0] for note in notes] == [
        str(folder.path / "fingerprint.json"),
        str(path),
    ]
    page = Page((tmp_path / "page.html").read_text())
    assert "loss in training" in page.text
    assert notes[1] in page.text


@pytest.mark.thorough
def test_a_run_of_200_jobs_stays_small(tmp_path: Path) -> None:
    jobs = job_names(200)
    folder = executed_run(tmp_path / "run", jobs, slots=8)
    add_metrics(folder, jobs, rows=1000)
    write_report(folder, tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 3_000_000
    page = Page((tmp_path / "page.html").read_text())
    assert len(page.tables["jobs"].rows) == 200
    assert "59 more jobs have curves: shown are those of the best ranks." in page.text


def test_backticks_are_code_and_nothing_else_is() -> None:
    assert with_code("do `a <b>` & c") == "do <code>a &lt;b&gt;</code> &amp; c"
