"""A disk that is full when the weights are saved: told in a line, and the loss is not lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_up_records import MadeUp, jobs

from executor.records.job_record import summary_of
from rmixer.data.prepare import prepare
from rmixer.errors import DiskFull
from rmixer.testing.made_up import make_job
from rmixer.training.job_files import JobFiles
from rmixer.training.task_failure import cause_of, failure_of, report_of
from rmixer.training.train_job import train_job
from rmixer.training.trained_job import unfinished


class Silent:
    """A channel to nobody."""

    stopping = False

    def send(self, kind: str, **told: object) -> None:
        pass


def test_the_loss_is_kept(tmp_path: Path) -> None:
    """The weights go to a device that is always full."""
    prepare("criteo_kaggle", "synthetic")
    job = replace(make_job("a", batch=8, steps=5), rows_cap=50)
    weights = tmp_path / "models" / "a.pt"
    weights.parent.mkdir()
    unfinished(weights).symlink_to("/dev/full")
    with pytest.raises(DiskFull, match=f"^disk full: {weights}$") as raised:
        train_job(Silent(), job, JobFiles(str(weights)))  # type: ignore[arg-type]
    assert list(weights.parent.iterdir()) == []
    told = failure_of(report_of(raised.value))
    assert (told.reason, cause_of(told)) == (f"disk full: {weights}", "disk")
    assert 0 < float(str(told.answer["loss"])) < 5
    assert told.answer["samples"] == 40


def test_the_line_of_a_job_that_failed_has_its_loss() -> None:
    run = MadeUp(jobs("a"))
    run.starts("a", 0, 0.0)
    answer = {"interrupted": False, "first_loss": 0.7, "loss": 0.5, "quality": {"auc": 0.75}}
    detail = {"reason": "disk full: /x/a.pt", "cause": "disk", "again_s": None, "peaks": {}}
    run.happens("failed", 3.0, "a", **detail, text="", answer=answer)
    line = summary_of(run.records.attempts["a"], 0.0)
    assert (line.state, line.error) == ("failed", "disk full: /x/a.pt")
    assert (line.loss, line.quality) == (0.5, {"auc": 0.75})
