"""A job that was added while the run went on is in the figures, too."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from experiments.figures.gantt import _same_work
from experiments.figures.run_figures import models_of
from rmixer.run_record.run_summary import never_started
from rmixer.testing.made_up import make_job, make_workload


def test_its_model_is_known_from_the_summary() -> None:
    lines = (
        never_started("a", "criteo_dlrm", "queued"),
        replace(never_started("more", "my.models:ranker", "queued"), late=True),
    )
    summary: Any = SimpleNamespace(jobs=lines)
    found = models_of(make_workload(make_job("a", "criteo_dlrm")), [summary])
    assert found == {"a": "criteo_dlrm", "more": "models-ranker"}


def test_makespans_of_other_work_are_not_compared() -> None:
    done = replace(never_started("a", "m", "queued"), state="done", steps=5)
    more = replace(done, id="more", late=True)
    cut = replace(done, state="cancelled")
    runs: list[Any] = [
        SimpleNamespace(jobs=jobs) for jobs in ((done,), (done, more), (cut,), (done,))
    ]
    assert _same_work([runs[0], runs[3]])
    assert not _same_work([runs[0], runs[1]])
    assert not _same_work([runs[0], runs[2]])
    assert not _same_work([runs[0], SimpleNamespace(jobs=(replace(done, steps=4),))])
