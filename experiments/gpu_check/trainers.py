"""Workers that train one job after the other, and their messages."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.gpu_check.setting import Setting
from rmixer.hardware.visible_gpus import sees_only
from rmixer.training.job_checkpoints import Checkpointing
from rmixer.training.job_files import JobFiles
from rmixer.training.process import Message, WorkerProcess
from rmixer.training.task_failure import TaskFailed, failure_of
from rmixer.training.tasks import TRAIN_JOB, TRAIN_ON_GPU, WARM
from rmixer.workload.workload import Job

ANSWER_WITHIN_S = 120.0
START_WITHIN_S = 60.0


@dataclass
class Trained:
    """The messages of a worker about a job: its ``answer``, those before it, and its ``failure`` if
    it failed."""

    answer: dict[str, Any] = field(default_factory=dict)
    said: list[Message] = field(default_factory=list)
    failure: TaskFailed | None = None

    def first(self, kind: str) -> Message | None:
        """The first message of this kind."""
        return next((message for message in self.said if message["kind"] == kind), None)


class Trainers:
    """A warm worker for each kind of device, started on first use, or when the one before has
    ended. With a stand-in GPU all train on the CPU."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._folder = setting.scratch / "correctness"
        self._stands_in = setting.plan.why_not is not None
        self._workers: dict[bool, WorkerProcess] = {}

    def path(self, name: str) -> Path:
        """The path of the weights of a job of this name."""
        return self._folder / f"{name}.pt"

    def train(
        self,
        job: Job,
        on_gpu: bool,
        checkpointing: Checkpointing | None = None,
        stop_at: Callable[[Message], bool] = lambda message: False,
    ) -> Trained:
        """Trains ``job`` alone; asks it to stop at the first message for which ``stop_at`` is
        true."""
        really = on_gpu and not self._stands_in
        worker, trained = self._worker(really), Trained()
        worker.start(
            TRAIN_ON_GPU if really else TRAIN_JOB,
            job=job,
            files=JobFiles(str(self.path(job.id)), checkpointing),
            **({"most_bytes": 0} if really else {}),
        )
        while True:
            message = worker.receive(ANSWER_WITHIN_S)
            if message["kind"] == "done":
                trained.answer = message["answer"]
                return trained
            if message["kind"] == "failed":
                trained.failure = failure_of(message)
                return trained
            trained.said.append(message)
            if stop_at(message):
                worker.send("stop")

    def _worker(self, on_gpu: bool) -> WorkerProcess:
        known = self._workers.get(on_gpu)
        if known is not None and not known.has_ended:
            return known
        worker = self._workers[on_gpu] = self.process(on_gpu)
        worker.call(WARM, threads=1, on_gpu=on_gpu, timeout_s=START_WITHIN_S)
        return worker

    def process(self, sees_gpu: bool) -> WorkerProcess:
        """A fresh worker."""
        core = self._setting.machine.cores[0]
        return WorkerProcess((core,), environment=sees_only(0 if sees_gpu else None))

    def __enter__(self) -> Trainers:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            with contextlib.suppress(Exception):
                worker.kill()
