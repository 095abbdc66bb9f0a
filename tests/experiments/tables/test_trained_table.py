"""What a run trained: ranks within a model, and what is said of jobs that did not end well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from experiments.tables.trained_table import print_trained, trained_jobs
from rmixer.run_record.run_summary import JobSummary, RunSummary
from rmixer.testing.made_up import make_job, make_workload
from rmixer.workload.real_training import LrSchedule


def ended(name: str, model: str = "criteo_dlrm", **changes: Any) -> JobSummary:
    """A job of 1,000 samples in 4 seconds."""
    facts: dict[str, Any] = {
        "id": name,
        "model": model,
        "device": "cpu:0",
        "slot": 0,
        "threads": 1,
        "attempt": 1,
        "start_s": 2.0,
        "end_s": 6.0,
        "steps": 10,
        "samples": 1000,
        "step_ms_p50": 1.0,
        "step_ms_mean": 1.0,
        "stall_s": 0.0,
        "peak_bytes": 1,
        "state": "done",
        "loss": 0.5,
    }
    return JobSummary(**{**facts, **changes})


def run_of(*jobs: JobSummary) -> RunSummary:
    return RunSummary("measured", "q", "m", "measured", "dySequ", 6.0, 500.0, 0.0, jobs, ())


JOBS = (
    ended("worse", quality={"auc": 0.7}),
    ended("mask", "beauty_bert4rec", quality={"hit_rate_10": 0.9, "ndcg_10": 0.4, "mrr": 0.3}),
    ended("best", quality={"auc": 0.8}, loss=0.6),
    ended("broken", state="failed", loss=None, error="the loss is nan at step 3 of 10"),
    ended("blind", loss=None, quality={"auc": None}, error="the loss is nan at step 4 of 10"),
    ended("no-scores", loss=-4.3, quality={"auc": None}),
    ended("mask-2", "beauty_bert4rec", quality={"hit_rate_10": 0.1, "ndcg_10": 0.5, "mrr": 0.1}),
)
WORKLOAD = make_workload(
    *(make_job(job.id, job.model) for job in JOBS if job.id != "worse"),
    replace(make_job("worse"), lr=0.5),
)


def shown(summary: RunSummary, folder: Path) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        print_trained(console, summary, WORKLOAD, folder)
    return capture.get()


def test_jobs_of_a_model_are_ranked_by_its_metric_and_the_others_come_last() -> None:
    rows = trained_jobs(run_of(*JOBS), WORKLOAD)
    assert [(row.summary.id, row.rank) for row in rows] == [
        ("best", 1),  # by AUC, although its loss is higher
        ("worse", 2),
        ("broken", None),
        ("blind", None),
        ("no-scores", None),  # a low loss is no AUC
        ("mask-2", 1),  # by NDCG@10, although it hits less
        ("mask", 2),
    ]
    assert rows[0].metric == ("auc", 0.8)
    assert rows[5].metric == ("ndcg_10", 0.5)


def test_a_job_without_a_metric_is_ranked_by_its_loss() -> None:
    jobs = (ended("a", loss=0.5), ended("b", loss=0.4))
    rows = trained_jobs(run_of(*jobs), make_workload(make_job("a"), make_job("b")))
    assert [(row.summary.id, row.rank, row.metric) for row in rows] == [
        ("b", 1, None),
        ("a", 2, None),
    ]


def test_its_time_is_from_its_start_and_its_rate_that_of_its_samples() -> None:
    (row,) = trained_jobs(run_of(ended("a")), make_workload(make_job("a")))
    assert row.time_s == pytest.approx(4.0)
    assert row.samples_per_s == pytest.approx(250.0)


def test_only_settings_that_differ_between_jobs_of_a_model_are_named() -> None:
    rows = {row.summary.id: row.settings for row in trained_jobs(run_of(*JOBS), WORKLOAD)}
    assert rows["worse"] == "lr 0.5"
    assert rows["best"] == f"lr {make_job('best').lr}"
    assert rows["mask"] == rows["mask-2"] == ""


def test_a_rate_that_changes_is_named_in_words() -> None:
    jobs = (make_job("a"), replace(make_job("b"), lr_schedule=LrSchedule("cosine", 50)))
    rows = trained_jobs(run_of(ended("a"), ended("b")), make_workload(*jobs))
    assert {row.summary.id: row.settings for row in rows} == {
        "a": "lr_schedule None",
        "b": "lr_schedule cosine, warm-up 50",
    }


def test_below_it_says_where_the_weights_are_and_who_failed(tmp_path: Path) -> None:
    assert "weights" not in shown(run_of(*JOBS), tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "best.pt").touch()
    text = " ".join(shown(run_of(*JOBS), tmp_path).split())
    assert f"weights: {tmp_path}/models/<job>.pt" in text
    assert "broken failed: the loss is nan at step 3 of 10" in text
    assert "blind: the loss is nan at step 4 of 10" in text
    assert "no-scores: AUC unknown" in text
    assert "NDCG@10 0.5000" in text
