"""All that is wrong with a workload is told at once, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmixer.errors import InputError
from rmixer.workload.workload_file import read_workload

WRONG = """\
x-base: &base
  steps: 5
  batch: 64
nam: q
jobs:
  - {<<: *base, model: criteo_dlrm}
  - model: criteo_dlrm
    steps: 0
    optimizer: adamx
    momentum: 0.5
    on_nan: never
  - {<<: *base, model: nope, lr: -1}
  - {steps: 5, modl: criteo_dlrm}
  - model: criteo_dlrm
    steps: 5
    lr_schedule:
      kind: cosin
"""


def errors_of(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_workload(path)
    return str(error.value)


def test_every_error_has_its_line(tmp_path: Path) -> None:
    """The momentum is no error of its own: whether the optimizer has one, nobody can say."""
    path = tmp_path / "q.yaml"
    places = [line.partition(": found")[0] for line in errors_of(path, WRONG).splitlines()]
    assert places == [
        f"{path}: line {line}: {key}"
        for line, key in [
            (4, "nam"),
            (8, "jobs.1.steps"),
            (9, "jobs.1.optimizer"),
            (11, "jobs.1.on_nan"),
            (12, "jobs.2.lr"),
            (12, "jobs.2.model"),
            (13, "jobs.3.modl"),
            (17, "jobs.4.lr_schedule.kind"),
        ]
    ]


def test_what_is_merged_has_the_line_where_it_is_said(tmp_path: Path) -> None:
    text = "x-base: &base\n  lr: -1\njobs:\n  - {<<: *base, model: criteo_dlrm, steps: 5}\n"
    assert ": line 2: jobs.0.lr: found -1" in errors_of(tmp_path / "q.yaml", text)


def test_of_many_errors_ten_are_told(tmp_path: Path) -> None:
    jobs = "\n".join(f"  - {{model: criteo_dlrm, steps: -{n}}}" for n in range(13))
    lines = errors_of(tmp_path / "q.yaml", f"jobs:\n{jobs}\n").splitlines()
    assert len(lines) == 11
    assert ": line 11: jobs.9.steps: found -9" in lines[9]
    assert lines[10] == "and 3 more"


def test_a_key_that_is_missing_has_the_line_of_its_job(tmp_path: Path) -> None:
    text = "jobs:\n  - model: criteo_dlrm\n    steps: 5\n  - model: criteo_dlrm\n"
    assert ": line 4: jobs.1.steps: found nothing" in errors_of(tmp_path / "q.yaml", text)


def test_arrivals_and_jobs_are_both_told(tmp_path: Path) -> None:
    text = (
        "arrivals: {kind: poisson, rate_per_h: 5}\n"
        "jobs:\n"
        "  - {model: criteo_dlrm, steps: 5, arrival_s: 3}\n"
        "  - {model: criteo_dlrm, steps: 5, batch: 0}\n"
    )
    told = errors_of(tmp_path / "q.yaml", text).splitlines()
    assert [line.partition(": found")[0].partition("line ")[2] for line in told] == [
        "3: jobs.0.arrival_s",
        "4: jobs.1.batch",
    ]


def test_keys_for_anchors_say_nothing(tmp_path: Path) -> None:
    path = tmp_path / "q.yaml"
    path.write_text(
        "x-of-mine: &mine {steps: 7}\njobs: [{<<: *mine, x-note: later, model: criteo_dlrm}]\n"
    )
    with_anchor = read_workload(path)
    path.write_text("jobs: [{steps: 7, model: criteo_dlrm}]\n")
    assert with_anchor == read_workload(path)


def test_a_job_without_keys_hides_no_other_error(tmp_path: Path) -> None:
    text = "jobs:\n  - 7\n  - {model: amazon_din, steps: 0}\n  - null\n"
    lines = errors_of(tmp_path / "q.yaml", text).splitlines()
    assert [line.partition("line ")[2] for line in lines] == [
        "2: jobs.0: found 7; allowed: a mapping of keys to values",
        "3: jobs.1.steps: found 0; allowed: a whole number > 0",
        "4: jobs.2: found null; allowed: a mapping of keys to values",
    ]
