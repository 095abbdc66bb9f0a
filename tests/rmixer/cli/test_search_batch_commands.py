"""``--search-batch``: what is trained at which batch, and where it cannot be asked for."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from calling import call, refused
from executed_workloads import profile_of, this_machine

from profiles.stored.store import Store
from rmixer.data.prepare import prepare
from rmixer.files.home import home
from rmixer.testing.made_up import make_step
from rmixer.workload.rebatching import with_batch
from rmixer.workload.workload_file import read_workload

WORKLOAD = """
jobs:
  - {model: criteo_dlrm, count: 2, steps: 41, batch: 16, rows_cap: 1000, deadline_s: 9}
"""


@pytest.fixture
def queue(tmp_path: Path, rmixer_home: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two jobs, in a home that has this machine and made-up profiles of two sizes: steps of four
    times the batch take a little longer."""
    path = tmp_path / "queue.yaml"
    path.write_text(WORKLOAD)
    prepare("criteo_kaggle", "synthetic")
    own = tmp_path / "home"
    own.mkdir()
    (own / "data").symlink_to(home() / "data")
    monkeypatch.setenv("RMIXER_HOME", str(own))
    store = Store()
    store.save_machine(dataclasses.replace(this_machine(), origin="measured"))
    job = read_workload(path).jobs[0]
    store.save(profile_of(job))
    steps = tuple(make_step(threads=threads, mean_us=1100.0) for threads in (1, 2))
    store.save(dataclasses.replace(profile_of(with_batch(job, 64)), steps=steps))
    return path


def test_what_cannot_be_asked_for(
    queue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "sweep", queue, "--search-batch")
    assert said.startswith("error: --search-batch: found no search; allowed: with `--search")
    said = refused(capsys, "run", queue, "--search-batch", "--search", "0")
    assert said.startswith("error: --search-batch: found no search")
    said = refused(capsys, "sweep", queue, "--objective", "weighted_completion")
    assert "allowed: completion, or a job with a `weight`" in said
    plain = tmp_path / "plain.yaml"
    plain.write_text("jobs:\n  - {model: criteo_dlrm, steps: 41, batch: 16, rows_cap: 1000}\n")
    for command in ("sweep", "run"):
        said = refused(capsys, command, plain, "--objective", "tardiness", "--out", tmp_path / "no")
        assert "tardiness, and no job has a deadline; allowed: a job with a `deadline_s`" in said
    assert not (tmp_path / "no").exists()
    table = tmp_path / "table.csv"
    table.write_text("job,device,duration_s\ncriteo_dlrm-0,cpu,1\ncriteo_dlrm-1,cpu,1\n")
    asked = ("--durations", table, "--search-batch", "--search", "1")
    assert "not with --durations" in refused(capsys, "sweep", queue, *asked)


def test_a_swept_schedule_says_batches_and_is_refused_without_them(
    queue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swept = tmp_path / "swept"
    asked = ("--search-batch", "--evaluations", "300", "--policies", "lpt", "--out", swept)
    shown = call(capsys, "sweep", queue, *asked, "--objective", "tardiness")
    assert shown.code == 0, shown.err
    assert "search: batch 64 for criteo_dlrm-0, criteo_dlrm-1" in shown.out
    assert "ranked by tardiness" in shown.out
    dispatches = json.loads((swept / "schedule.json").read_text())["dispatches"]
    assert [each["batch"] for each in dispatches] == [64, 64]
    (row,) = (r for r in json.loads((swept / "sweep.json").read_text()) if r["policy"] == "search")
    assert row["batches"] == {"criteo_dlrm-0": 64, "criteo_dlrm-1": 64}
    assert (row["tardiness_s"], row["bound_s"], row["gap"]) == (0.0, 0.0, 0.0)
    jobs = json.loads((swept / "predicted" / "summary.json").read_text())["jobs"]
    # 41 x 16 samples are ten batches of 64 and a quarter.
    assert [(job["steps"], job["samples"]) for job in jobs] == [(11, 704)] * 2
    (gone,) = Store().own.glob("*/criteo_dlrm-b64-*/summary.json")
    gone.unlink()
    said = refused(capsys, "execute", swept / "schedule.json")
    assert "batch of criteo_dlrm-0: found 64; allowed: a profiled size of its model: 16" in said
    again = call(capsys, "sweep", queue, *asked, "--json")
    assert "no job has a second profiled batch, so no batch is changed" in again.err


@pytest.mark.thorough
def test_jobs_are_trained_at_their_batches(
    queue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    arguments = ("run", queue, "--search-batch", "--evaluations", "300", "--yes", "--out", out)
    ended = call(capsys, *arguments)
    assert ended.code == 0, ended.err

    def trained(run: Path) -> list[tuple[int, int, str]]:
        jobs = json.loads((run / "summary.json").read_text())["jobs"]
        return [(job["steps"], job["samples"], job["state"]) for job in jobs]

    assert trained(out) == [(11, 704, "done")] * 2
    before = (out / "summary.json").read_bytes()
    assert call(capsys, *arguments).code == 0
    assert (out / "summary.json").read_bytes() == before
    assert call(capsys, "report", out).code == 0
    assert call(capsys, "explain", out).code == 0
    for schedule in ("schedule.json", "executed_schedule.json"):
        again = tmp_path / schedule.partition(".")[0]
        executed = call(capsys, "execute", out / schedule, "--yes", "--out", again)
        assert executed.code == 0, executed.err
        assert trained(again) == [(11, 704, "done")] * 2
        assert "nothing is left to do" in call(capsys, "execute", "--resume", again).err
