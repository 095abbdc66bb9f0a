"""When a job writes checkpoints, what it tells of them, and how it goes on."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path
from typing import Any

import pytest

from rmixer.data.prepare import prepare
from rmixer.errors import RunFailed
from rmixer.training import job_checkpoints
from rmixer.training.job_checkpoints import LEAST_S, MOST_S, Checkpointing, pause_s
from rmixer.training.job_files import JobFiles
from rmixer.training.process import Message
from rmixer.training.train_job import train_job
from rmixer.workload.workload import Job, job_of

STEPS = 12


def tiny(**changes: Any) -> Job:
    prepare("criteo_kaggle", "synthetic")
    small = {"rows_cap": 500, "batch": 8, "steps": STEPS, "seed": 5}
    return dataclasses.replace(job_of("criteo_dlrm"), **{**small, **changes})


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
    return train_job(heard, job, JobFiles(str(folder / "job.pt"), settings))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def alone(rmixer_home: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the job answers that never stopped."""
    path = tmp_path_factory.mktemp("alone") / "job.pt"
    return train_job(Heard(), tiny(), JobFiles(str(path)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stop_at", "made"),
    [
        pytest.param(("phase", "build"), 1, marks=pytest.mark.thorough),
        (("phase", "train"), 4),
        (("checkpointed", 6), 7),
    ],
)
def test_a_stop_ends_the_step_and_keeps_it(
    alone: dict[str, Any], stop_at: tuple[str, object], made: int, tmp_path: Path
) -> None:
    """The step in which it comes, or the next one if it comes between two."""
    job = tiny()
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
    job = tiny()
    run(Heard(("checkpointed", 12)), job, tmp_path, every_s=0)
    assert not (tmp_path / "job.pt").exists()
    heard = Heard()
    answer = run(heard, job, tmp_path)
    assert [message["phase"] for message in heard.of("phase")] == ["build", "evaluate", "save"]
    assert (tmp_path / "job.pt").exists()
    assert (answer["first_loss"], answer["loss"]) == (alone["first_loss"], alone["loss"])


def test_a_damaged_checkpoint_is_told(rmixer_home: None, tmp_path: Path) -> None:
    job = tiny()
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
    run(Heard(("phase", "train")), tiny(), tmp_path)
    for changes in ({"seed": 6}, {"steps": 2}):
        with pytest.raises(RunFailed, match="checkpoint of another job, after its step 4"):
            run(Heard(), tiny(**changes), tmp_path)


def test_a_job_goes_on_without_a_checkpoint_if_the_disk_is_full(
    rmixer_home: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, step: int, state: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(job_checkpoints, "save_checkpoint", full)
    heard = Heard()
    answer = run(heard, tiny(), tmp_path, every_s=0)
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
    run(heard, tiny(), tmp_path)
    assert not heard.of("checkpointed")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job.pt"]
