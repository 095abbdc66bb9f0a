"""``summary.json`` of a run: the same keys from either clock."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rmixer.errors import InputError
from rmixer.files.typed_files import write_json
from rmixer.run_record.run_summary import (
    DeviceSummary,
    JobSummary,
    RunSummary,
    read_summary,
)

JOB = JobSummary(
    id="a",
    model="amazon_din",
    device="cpu:0",
    slot=0,
    threads=1,
    attempt=1,
    start_s=0.0,
    end_s=2.0,
    steps=100,
    samples=3200,
    step_ms_p50=18.5,
    step_ms_mean=None,
    stall_s=0.0,
    peak_bytes=1 << 28,
    state="done",
)
SUMMARY = RunSummary(
    run="predicted",
    workload="queue",
    machine="example",
    origin="measured",
    policy="dyType",
    makespan_s=2.0,
    samples_per_s=1600.0,
    startup_s=3.0,
    jobs=(JOB,),
    devices=(DeviceSummary("cpu:0", 0.5, 1 << 28),),
)


def test_a_summary_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_json(tmp_path / "summary.json", SUMMARY)
    assert read_summary(tmp_path / "summary.json") == SUMMARY
    assert SUMMARY.job("a") is JOB


def test_the_keys_that_others_rely_on(tmp_path: Path) -> None:
    write_json(tmp_path / "summary.json", SUMMARY)
    data = json.loads((tmp_path / "summary.json").read_text())
    assert {"makespan_s", "samples_per_s", "jobs", "devices"} <= set(data)
    keys = "id model device start_s end_s steps step_ms_p50 peak_bytes state"
    assert set(keys.split()) <= set(data["jobs"][0])
    assert {"busy_fraction", "peak_bytes"} <= set(data["devices"][0])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"steps": 100', '"steps": 100.5', "jobs.0.steps: found 100.5; allowed: a whole number"),
        ('"state": "done"', '"state": "gone"', "jobs.0.state: found 'gone'; allowed: 'done', 'fa"),
        ('"schema_version": 1', '"schema_version": 2', "schema_version: found 2; allowed: 1"),
    ],
)
def test_a_summary_that_is_wrong(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "summary.json"
    write_json(path, SUMMARY)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError) as error:
        read_summary(path)
    assert str(error.value).startswith(f"{path}: {message}")


def test_a_summary_without_intervals_is_of_an_earlier_release(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_json(path, SUMMARY)
    data = json.loads(path.read_text())
    for name in ("makespan_interval_s", "machine_noise"):
        del data[name]
    for name in ("end_interval_s", "step_interval_ms"):
        del data["jobs"][0][name]
    path.write_text(json.dumps(data))
    assert read_summary(path) == SUMMARY
    told = replace(SUMMARY, makespan_interval_s=(1.5, 2.5), machine_noise=0.01)
    write_json(path, told)
    assert read_summary(path) == told
