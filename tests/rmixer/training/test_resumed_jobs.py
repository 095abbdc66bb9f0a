"""A job that stops and goes on in a fresh process ends with the weights of one that never stopped,
bit by bit."""

from __future__ import annotations

import dataclasses
import errno
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from code_paths import EVERY_MODEL

from rmixer.data.prepare import prepare
from rmixer.errors import RunFailed
from rmixer.models.registry import MODELS
from rmixer.training import job_checkpoints
from rmixer.training.checkpoint import load_checkpoint, save_checkpoint
from rmixer.training.job_checkpoints import LEAST_S, MOST_S, Checkpointing, pause_s
from rmixer.training.precision import cpu_has_bf16
from rmixer.training.process import Message, WorkerProcess
from rmixer.training.row_optimizers import OPTIMIZER_KINDS
from rmixer.training.step import TrainingStep
from rmixer.training.tasks import TRAIN_JOB
from rmixer.training.train_job import train_job
from rmixer.workload.workload import Job, job_of

STEPS = 9


@dataclass(frozen=True)
class Processes:
    """``first`` trains, ``fresh`` goes on: it has never made a step of the job."""

    first: WorkerProcess
    fresh: WorkerProcess


@pytest.fixture(scope="module")
def processes(rmixer_home: None) -> Iterator[Processes]:
    core = (min(os.sched_getaffinity(0)),)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        first, fresh = WorkerProcess(core), WorkerProcess(core)
    with first, fresh:
        yield Processes(first, fresh)


def tiny(model: str, **changes: Any) -> Job:
    prepare(MODELS[model].dataset, "synthetic")
    small = {"rows_cap": 500, "batch": 8, "steps": STEPS, "seed": 5}
    return dataclasses.replace(job_of(model), **{**small, **changes})


def check_resume(processes: Processes, job: Job, folder: Path, stop_after: int) -> None:
    """A fresh process goes on from the checkpoint after ``stop_after`` steps of a job that made all
    of its steps: both answer the same and save the same weights."""
    path = folder / "job.ckpt"
    arguments = {**to(folder / "a", job), "checkpointing": Checkpointing(str(path), every_s=0)}
    keeping = {"steps": stop_after, "path": str(path), **arguments}
    whole = list(told(processes.first, "worker_tasks:train_and_put_back", keeping))[-1]["answer"]

    messages = list(told(processes.fresh, TRAIN_JOB, {**arguments, "save_to": str(folder / "b")}))
    resumed, answer = messages[1], messages[-1]["answer"]
    assert (resumed["kind"], resumed["steps"], resumed["remarks"]) == ("resumed", stop_after, [])
    made = sum(len(message["ends"]) for message in messages if message["kind"] == "steps")
    assert made == job.steps - stop_after
    for key in ("first_loss", "loss", "quality"):
        assert answer[key] == whole[key]
    check_same_weights(folder)


def check_same_weights(folder: Path) -> None:
    """Those of the files ``a`` and ``b``."""
    expected, found = (torch.load(folder / name, weights_only=True) for name in "ab")
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        assert torch.equal(values, found[name]), name


def to(path: Path, job: Job) -> dict[str, Any]:
    return {"job": job, "save_to": str(path)}


def told(worker: WorkerProcess, task: str, arguments: dict[str, Any]) -> Iterator[Message]:
    """All messages of a task."""
    worker.start(task, **arguments)
    while (message := worker.receive(300))["kind"] not in ("done", "failed"):
        yield message
    yield message


def somewhere(name: object) -> int:
    """A step in the middle, another one for each ``name``."""
    return random.Random(str(name)).randint(4, STEPS - 1)


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_every_model(processes: Processes, model: str, tmp_path: Path) -> None:
    check_resume(processes, tiny(model), tmp_path, somewhere(model))


def check_step(job: Job, path: Path, stop_after: int) -> None:
    """The same of a training step alone, in this process."""
    whole = TrainingStep(job)
    for number in range(job.steps):
        if number == stop_after:
            save_checkpoint(path, number, whole.training_state())
        whole.run()
    resumed = TrainingStep(job)
    found = load_checkpoint(path)
    assert found.state is not None
    resumed.load_training_state(found.state)
    for _ in range(job.steps - found.step):
        resumed.run()
    assert resumed.loss() == whole.loss()
    for name, values in whole.state_dict().items():
        assert torch.equal(values, resumed.state_dict()[name]), name


@pytest.mark.parametrize("model", ["criteo_deepfm", "rm1"])
@pytest.mark.parametrize("optimizer", OPTIMIZER_KINDS)
def test_every_optimizer(rmixer_home: None, optimizer: str, model: str, tmp_path: Path) -> None:
    """``rm1`` has bags."""
    job = tiny(model, optimizer=optimizer, lr=0.01)
    check_step(job, tmp_path / "job.ckpt", somewhere(optimizer))


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU has no bfloat16 arithmetic")
def test_bf16(rmixer_home: None, tmp_path: Path) -> None:
    check_step(tiny("beauty_bert4rec", precision="bf16"), tmp_path / "job.ckpt", 6)


def test_the_models_tried_have_what_could_be_lost() -> None:
    chosen = [model for model in EVERY_MODEL if isinstance(model, str)]
    assert any(MODELS[model].clip_norm is not None for model in chosen)
    dropping = tiny("criteo_dcn2").entry.build(10)
    assert any(type(module).__name__ == "Dropout" for module in dropping.modules())
    summed = tiny("rm1").entry.build(10)
    assert any(summed.bags_of(name) for name in summed.tables)


def test_a_process_that_is_killed(processes: Processes, tmp_path: Path) -> None:
    """At whatever moment the signal comes, in a step or in a checkpoint."""
    job = tiny("criteo_deepfm", steps=60)
    assert list(told(processes.first, TRAIN_JOB, to(tmp_path / "a", job)))[-1]["kind"] == "done"
    settings = Checkpointing(str(tmp_path / "job.ckpt"), every_s=0)
    arguments = {**to(tmp_path / "b", job), "checkpointing": settings}
    with WorkerProcess(processes.first.cores) as killed:
        kinds = (message["kind"] for message in told(killed, TRAIN_JOB, arguments))
        assert sum(kind == "checkpointed" for kind, _ in zip(kinds, range(20), strict=False))
        killed.kill()
    answer = list(told(processes.fresh, TRAIN_JOB, arguments))[-1]["answer"]
    assert not answer["interrupted"]
    check_same_weights(tmp_path)


class Heard:
    """A channel to nobody, that tells to stop once ``stop_at`` was sent."""

    def __init__(self, stop_at: tuple[str, object] | None = None) -> None:
        self.messages: list[Message] = []
        self.stopping = False
        self._stop_at = stop_at

    def send(self, kind: str, **fields: Any) -> None:
        self.messages.append({"kind": kind, **fields})
        self.stopping |= (kind, fields.get("phase", fields.get("steps"))) == self._stop_at

    def of(self, kind: str) -> list[Message]:
        return [message for message in self.messages if message["kind"] == kind]


def run(heard: Heard, job: Job, folder: Path, every_s: float | None = None) -> dict[str, Any]:
    settings = Checkpointing(str(folder / "job.ckpt"), every_s)
    return train_job(heard, job, str(folder / "job.pt"), checkpointing=settings)  # type: ignore[arg-type]


LONGER = {"steps": 12}


@pytest.fixture(scope="module")
def alone(rmixer_home: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the longer job answers that never stopped."""
    path = tmp_path_factory.mktemp("alone") / "job.pt"
    return train_job(Heard(), tiny("criteo_dlrm", **LONGER), str(path))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stop_at", "made"),
    [(("phase", "build"), 1), (("phase", "train"), 4), (("checkpointed", 6), 7)],
)
def test_a_stop_ends_the_step_and_keeps_it(
    alone: dict[str, Any], stop_at: tuple[str, object], made: int, tmp_path: Path
) -> None:
    """The step in which it comes, or the next one if it comes between two."""
    job = tiny("criteo_dlrm", **LONGER)
    stopped = Heard(stop_at)
    answer = run(stopped, job, tmp_path, every_s=0)
    assert answer["interrupted"]
    assert not (tmp_path / "job.pt").exists()
    assert stopped.of("checkpointed")[-1]["steps"] == made

    resumed = Heard()
    again = run(resumed, job, tmp_path)
    assert resumed.of("resumed") == [{"kind": "resumed", "steps": made, "remarks": []}]
    warm = next(i for i, m in enumerate(resumed.messages) if m.get("phase") == "train")
    in_warmup = sum(len(m["ends"]) for m in resumed.messages[:warm] if m["kind"] == "steps")
    assert in_warmup == (3 - made if made < 3 else 3)
    assert {key: again[key] for key in ("first_loss", "loss")} == {
        key: alone[key] for key in ("first_loss", "loss")
    }


def test_a_job_that_had_made_all_steps_is_evaluated_and_saved(
    alone: dict[str, Any], tmp_path: Path
) -> None:
    job = tiny("criteo_dlrm", **LONGER)
    run(Heard(("checkpointed", 12)), job, tmp_path, every_s=0)
    assert not (tmp_path / "job.pt").exists()
    heard = Heard()
    answer = run(heard, job, tmp_path)
    assert [message["phase"] for message in heard.of("phase")] == ["build", "evaluate", "save"]
    assert (tmp_path / "job.pt").exists()
    assert (answer["first_loss"], answer["loss"]) == (alone["first_loss"], alone["loss"])


def test_a_damaged_checkpoint_is_told(rmixer_home: None, tmp_path: Path) -> None:
    job = tiny("criteo_dlrm")
    run(Heard(("checkpointed", 6)), job, tmp_path, every_s=0)
    path = tmp_path / "job.ckpt"
    path.write_bytes(path.read_bytes()[:1000])
    heard = Heard(("phase", "build"))
    run(heard, job, tmp_path)
    (resumed,) = heard.of("resumed")
    assert (resumed["steps"], len(resumed["remarks"])) == (6, 1)
    path.write_bytes(b"")
    (tmp_path / "job.ckpt.before").write_bytes(b"")
    heard = Heard(("phase", "build"))
    run(heard, job, tmp_path)
    (resumed,) = heard.of("resumed")
    assert (resumed["steps"], len(resumed["remarks"])) == (0, 2)


def test_the_checkpoint_of_another_job_is_refused(rmixer_home: None, tmp_path: Path) -> None:
    run(Heard(("phase", "train")), tiny("criteo_dlrm"), tmp_path)
    for changes in ({"seed": 6}, {"steps": 2}):
        with pytest.raises(RunFailed, match="checkpoint of another job, after its step 4"):
            run(Heard(), tiny("criteo_dlrm", **changes), tmp_path)


def test_a_job_goes_on_without_a_checkpoint_if_the_disk_is_full(
    rmixer_home: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, step: int, state: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(job_checkpoints, "save_checkpoint", full)
    heard = Heard()
    answer = run(heard, tiny("criteo_dlrm"), tmp_path, every_s=0)
    assert not answer["interrupted"]
    failed = heard.of("checkpoint_failed")
    assert len(failed) == STEPS - 3
    assert "No space left" in failed[0]["text"]


def test_checkpoints_take_a_hundredth_of_the_time() -> None:
    assert pause_s(0.5) == 50
    assert pause_s(0.001) == LEAST_S == 10
    assert pause_s(30) == MOST_S == 300


def test_without_a_time_for_them_none_is_due_in_a_short_job(
    rmixer_home: None, tmp_path: Path
) -> None:
    heard = Heard()
    run(heard, tiny("criteo_dlrm"), tmp_path)
    assert not heard.of("checkpointed")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job.pt"]
