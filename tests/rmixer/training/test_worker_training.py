"""A job in a worker: its phases in order, its steps counted, its weights saved, or nothing."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from rmixer.data.prepare import prepare
from rmixer.errors import DiskFull
from rmixer.files.direct_file import DirectFile
from rmixer.training import memory
from rmixer.training.job_files import JobFiles
from rmixer.training.process import Message, WorkerProcess
from rmixer.training.step import TrainingStep
from rmixer.training.train_job import train_job
from rmixer.training.trained_job import TrainedJob, unfinished
from rmixer.workload.workload import Job, job_of

CORES = tuple(sorted(os.sched_getaffinity(0))[:2])
TASK = "rmixer.training.train_job:train_job"


def tiny(model: str = "criteo_dlrm", **changes: Any) -> Job:
    """A job of few rows, few samples and few steps."""
    small = {"rows_cap": 1000, "batch": 16, "steps": 8}
    return dataclasses.replace(job_of(model), **{**small, **changes})


@pytest.fixture(scope="module")
def worker(rmixer_home: None) -> Iterator[WorkerProcess]:
    for dataset in ("criteo_kaggle", "amazon_electronics"):
        prepare(dataset, "synthetic")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        process = WorkerProcess(CORES)
    with process:
        assert process.warm_up() > 0
        yield process


def run(worker: WorkerProcess, job: Job, path: Path) -> list[Message]:
    """All messages of a job."""
    worker.start(TASK, job=job, files=JobFiles(str(path)))
    messages = [worker.receive(300)]
    while messages[-1]["kind"] not in ("done", "failed"):
        messages.append(worker.receive(300))
    return messages


def phases(messages: list[Message]) -> list[str]:
    return [message["phase"] for message in messages if message["kind"] == "phase"]


def step_ends(messages: list[Message]) -> list[float]:
    return [end for message in messages if message["kind"] == "steps" for end in message["ends"]]


def test_torch_has_as_many_threads_as_the_worker_has_cores(worker: WorkerProcess) -> None:
    assert worker.call("worker_tasks:torch_threads") == (len(CORES), 1)
    assert worker.call("worker_tasks:surroundings")["affinity"] == list(CORES)


@pytest.mark.parametrize("model", ["criteo_dlrm", "criteo_deepfm", "amazon_din"])
def test_a_job_goes_through_its_phases_and_saves_what_it_trained(
    worker: WorkerProcess, model: str, tmp_path: Path
) -> None:
    job = tiny(model)
    messages = run(worker, job, tmp_path / "models" / "job.pt")

    assert phases(messages) == ["build", "warmup", "train", "evaluate", "save"]
    stamps = [message["at"] for message in messages]
    assert stamps == sorted(stamps)
    ends = step_ends(messages)
    assert len(ends) == job.steps
    assert ends == sorted(ends)
    answer = messages[-1]["answer"]
    assert answer["interrupted"] is False
    assert all(math.isfinite(answer[key]) for key in ("first_loss", "loss"))
    assert 0 <= answer["quality"]["auc"] <= 1

    fresh = TrainingStep(job).state_dict()
    saved = torch.load(tmp_path / "models" / "job.pt", weights_only=True)
    assert {name: value.shape for name, value in saved.items()} == {
        name: value.shape for name, value in fresh.items()
    }
    assert any(not torch.equal(saved[name], fresh[name]) for name in fresh)
    assert [path.name for path in tmp_path.glob("models/*")] == ["job.pt"]


def test_steps_fall_into_their_phases(worker: WorkerProcess, tmp_path: Path) -> None:
    """Three steps of warm-up, reported before training begins."""
    messages = run(worker, tiny(), tmp_path / "job.pt")
    began = {m["phase"]: m["at"] for m in messages if m["kind"] == "phase"}
    ends = step_ends(messages)
    assert sum(began["warmup"] <= end <= began["train"] for end in ends) == 3
    assert sum(began["train"] < end <= began["evaluate"] for end in ends) == 5


@pytest.mark.parametrize("steps", [1, 3])
def test_a_job_may_be_over_after_its_warm_up(
    worker: WorkerProcess, steps: int, tmp_path: Path
) -> None:
    messages = run(worker, tiny(steps=steps), tmp_path / "job.pt")
    assert phases(messages) == ["build", "warmup", "evaluate", "save"]
    assert len(step_ends(messages)) == steps
    assert (tmp_path / "job.pt").exists()


def test_the_saved_weights_are_those_of_the_same_steps_here(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    job = tiny(seed=3)
    run(worker, job, tmp_path / "job.pt")
    step = TrainingStep(job)
    for _ in range(job.steps):
        step.run()
    saved = torch.load(tmp_path / "job.pt", weights_only=True)
    for name, value in step.state_dict().items():
        torch.testing.assert_close(saved[name], value, rtol=1e-4, atol=1e-6)


def test_the_peak_is_the_jobs_own_in_a_warm_worker(worker: WorkerProcess, tmp_path: Path) -> None:
    """The large tables are 64 MB, and Adam keeps two moments of each row beside them."""
    peaks = {}
    for name, cap in (("before", 1000), ("large", None), ("after", 1000)):
        messages = run(worker, tiny(rows_cap=cap), tmp_path / "job.pt")
        peaks[name] = messages[-1]["answer"]["peak_bytes"]
    table = 4 * 16 * 1_000_001
    assert peaks["large"] > peaks["before"] + 2.9 * table
    assert peaks["after"] < peaks["large"] - 2 * table


def test_a_stopped_job_reports_what_it_did_and_saves_nothing(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    worker.start(TASK, job=tiny(steps=10**6), files=JobFiles(str(tmp_path / "job.pt")))
    messages = [worker.receive(300)]
    while messages[-1].get("phase") != "train":
        messages.append(worker.receive(300))
    worker.send("stop")
    while messages[-1]["kind"] != "done":
        messages.append(worker.receive(300))
    assert messages[-1]["answer"]["interrupted"] is True
    assert 3 < len(step_ends(messages)) < 10**6
    assert phases(messages) == ["build", "warmup", "train"]
    assert not list(tmp_path.iterdir())


def test_data_that_vanished_fails_the_job_and_not_the_worker(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    messages = run(worker, tiny(data=str(tmp_path / "nothing.tsv")), tmp_path / "job.pt")
    assert messages[-1]["kind"] == "failed"
    assert messages[-1]["error"].startswith("InputError: ")
    assert "nothing.tsv" in messages[-1]["error"]
    assert phases(messages) == ["build"]
    assert run(worker, tiny(steps=1), tmp_path / "job.pt")[-1]["kind"] == "done"


class Heard:
    """A channel to nobody, that tells to stop once a phase has begun."""

    def __init__(self, stop_in: str = "") -> None:
        self.messages: list[Message] = []
        self.stopping = False
        self._stop_in = stop_in

    def send(self, kind: str, **fields: object) -> None:
        self.messages.append({"kind": kind, **fields})
        self.stopping |= fields.get("phase") == self._stop_in


def test_a_step_that_fails_loses_none_of_those_before_it(
    rmixer_home: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, heard = TrainedJob(tiny()), Heard()
    whole, count = session.step.run, iter(range(100))

    def fail_at_the_fifth() -> None:
        if next(count) == 4:
            raise ArithmeticError
        whole()

    monkeypatch.setattr(session.step, "run", fail_at_the_fifth)
    with pytest.raises(ArithmeticError):
        session.train(heard, 8)  # type: ignore[arg-type]
    assert len(step_ends(heard.messages)) == 4


@pytest.mark.parametrize("stop_in", ["build", "train", "evaluate"])
def test_a_job_is_saved_if_and_only_if_it_was_not_interrupted(
    rmixer_home: None, stop_in: str, tmp_path: Path
) -> None:
    """A stop after the last step comes too late."""
    heard = Heard(stop_in)
    answer = train_job(heard, tiny(), JobFiles(str(tmp_path / "job.pt")))  # type: ignore[arg-type]
    assert answer["interrupted"] == (stop_in != "evaluate")
    assert (tmp_path / "job.pt").exists() == (not answer["interrupted"])
    assert ("quality" in answer) == (not answer["interrupted"])


def test_a_save_that_fails_leaves_nothing_half_written(
    rmixer_home: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(_state: object, file: DirectFile) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    session = TrainedJob(tiny())
    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(DiskFull, match=r"^disk full: .*/job\.pt$"):
        session.save(tmp_path / "job.pt")
    assert not list(tmp_path.iterdir())
    assert unfinished(tmp_path / "job.pt").parent == tmp_path


def test_the_high_water_mark_follows_memory_up_and_is_reset() -> None:
    memory.reset_peak()
    before = memory.peak_resident_bytes()
    held = bytearray(os.urandom(1 << 20) * 64)
    assert memory.peak_resident_bytes() - before > 60 << 20
    assert memory.resident_bytes() - before > 60 << 20
    del held
    high = memory.peak_resident_bytes()
    memory.reset_peak()
    assert memory.peak_resident_bytes() < high - (50 << 20)


def test_without_a_mark_that_can_be_reset_the_whole_life_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmRSS:\t  1000 kB\n")
    monkeypatch.setattr(memory, "_STATUS", status)
    assert memory.peak_resident_bytes() >= memory.resident_bytes() * 0.9
