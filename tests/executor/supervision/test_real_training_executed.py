"""Jobs that are evaluated as they train, executed: what their records and their files say."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from executed_workloads import execute, tiny

from executor.journal.opening import existing_journal
from executor.supervision.execution import ExecutedRun
from rmixer.data.prepare import prepare
from rmixer.run_record.metrics import MetricFiles
from rmixer.workload.real_training import EarlyStop, Evaluation, LrSchedule

JOBS = [
    tiny("tried", steps=20, evaluate=Evaluation(8, 2), lr_schedule=LrSchedule("linear", 4)),
    # So small a rate changes no weight.
    tiny("vain", steps=400, lr=1e-20, evaluate=Evaluation(10, 2), stop=EarlyStop("auc", 2)),
    tiny("saved", steps=40, save_every_s=0.001),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def run(rmixer_home: None, folder: Path) -> ExecutedRun:
    prepare("criteo_kaggle", "synthetic")
    return execute(folder, JOBS)


def test_phases_come_in_turn_without_a_gap(run: ExecutedRun) -> None:
    rows = [row for row in run.timeline if row.job == "tried" and row.kind != "queued"]
    kinds = [kind for kind, _ in itertools.groupby(row.kind for row in rows)]
    between = ["train", "evaluate"] * 2
    assert kinds == ["build", "warmup", *between, "train", "evaluate", "save"]
    for before, after in itertools.pairwise(rows):
        assert after.start_s == pytest.approx(before.end_s, abs=1e-9)
    steps = [
        sum(row.steps for row in group)
        for kind, group in itertools.groupby(rows, key=lambda row: row.kind)
        if kind in ("warmup", "train")
    ]
    assert steps == pytest.approx([3, 5, 8, 4])


def test_a_step_is_not_the_evaluation_before_it(run: ExecutedRun) -> None:
    """17 steps after the warm-up fill the rows of training, but for what is told in between."""
    rows = [row for row in run.timeline if row.job == "tried"]
    trained_s = sum(row.duration_s for row in rows if row.kind == "train")
    job = run.summary.job("tried")
    assert job.step_ms_mean is not None
    assert 0.5 * trained_s < 17 * job.step_ms_mean * 1e-3 + job.stall_s <= trained_s + 1e-9


def test_a_job_that_stops_early(run: ExecutedRun, folder: Path) -> None:
    job = run.summary.job("vain")
    assert (job.state, job.stopped_early) == ("done", True)
    assert (job.steps, job.samples) == (30, 30 * 16)
    rows = MetricFiles(folder, ["vain"])["vain"]
    found = [(row.step, row.value) for row in rows if row.metric == "auc"]
    assert found == [(at, pytest.approx(job.quality["auc"])) for at in (10, 20, 30)]
    assert not run.summary.job("tried").stopped_early


def test_checkpoints_as_often_as_the_job_says(run: ExecutedRun, folder: Path) -> None:
    with existing_journal(folder) as journal:
        kept = [each for each in journal.transitions() if each.kind == "checkpointed"]
    assert run.summary.job("saved").state == "done"
    assert {each.job for each in kept} == {"saved"}
    assert len(kept) > 5
