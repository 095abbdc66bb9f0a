"""Workloads made smaller by key=value settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmixer.errors import InputError
from rmixer.workload.shrinking import shrinking_of
from rmixer.workload.workload import Workload
from rmixer.workload.workload_file import read_workload

WORKLOADS = Path(__file__).resolve().parents[3] / "experiments" / "workloads"


@pytest.fixture
def workload(tmp_path: Path) -> Workload:
    path = tmp_path / "queue.yaml"
    path.write_text(
        "jobs:\n"
        "  - {model: criteo_dlrm, steps: 500, batch: 2000}\n"
        "  - {model: amazon_din, steps: 3, rows_cap: 50}\n"
    )
    return read_workload(path)


def test_steps_are_scaled_and_sizes_bounded(workload: Workload) -> None:
    small = shrinking_of({"steps_scale": "0.1", "batch_max": "512", "rows_max": "100"}).apply(
        workload
    )
    assert [(j.steps, j.batch, j.rows_cap) for j in small.jobs] == [(50, 512, 100), (1, 32, 50)]
    assert (small.name, small.seed) == (workload.name, workload.seed)
    assert small.hash != workload.hash


def test_no_setting_changes_nothing(workload: Workload) -> None:
    assert shrinking_of({}).apply(workload) == workload


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("steps_scale", "0", "a number > 0"),
        ("steps_scale", "nan", "a number > 0"),
        ("steps_scale", "2", "at most 1"),
        ("batch_max", "0", "a whole number > 0"),
        ("batch_max", "1.5", "a whole number > 0"),
        ("rows_max", "²", "a whole number > 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(key: str, value: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        shrinking_of({key: value})


def test_balance_24_is_the_published_queue() -> None:
    jobs = read_workload(WORKLOADS / "balance_24.yaml").jobs
    short = [job.model.partition("_")[2] for job in jobs]
    assert " ".join(short) == (
        "dien din bert4rec deepfm difm deepfm dcn dpin difm bst din widedeep difm dcn bst din "
        "dien difm dmr deepfm dien dien dcn bst"
    )
    assert {job.steps for job in jobs} == {500}


def test_the_sweep_is_thirty_two_jobs_of_one_cost() -> None:
    jobs = read_workload(WORKLOADS / "dlrm_sweep_32.yaml").jobs
    assert len(jobs) == 32
    assert len({(job.lr, job.seed) for job in jobs}) == 32
    assert {(job.model, job.batch, job.optimizer) for job in jobs} == {("criteo_dlrm", 256, "adam")}


def test_deeprecsys_8_has_one_of_each() -> None:
    jobs = read_workload(WORKLOADS / "deeprecsys_8.yaml").jobs
    assert " ".join(job.model for job in jobs) == "rm1 rm2 rm3 wnd mtwnd ncf din dien"
