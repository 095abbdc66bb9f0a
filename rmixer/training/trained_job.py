"""A job in a process: its step, and its phases."""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rmixer.errors import DiskFull, LossNotFinite
from rmixer.files.direct_file import DirectFile, sync_folder
from rmixer.training.evaluations import Evaluations
from rmixer.training.job_checkpoints import JobCheckpoints
from rmixer.training.loss_watch import LossWatch
from rmixer.training.metrics_log import MetricsLog
from rmixer.training.worker import Channel
from rmixer.workload.workload import Job

WARMUP_STEPS = 3
REPORT_EVERY_S = 0.5


def unfinished(path: Path) -> Path:
    """The temporary name of a save to ``path``; a killed worker may leave such a file."""
    return path.with_name(f".{path.name}.tmp")


class TrainedJob:
    """A job in this process: its step, and its phases."""

    def __init__(self, job: Job, device: str = "cpu") -> None:
        from rmixer.training.make_step import make_step

        self.job = job
        self.step = make_step(job, device)
        self.evaluations = Evaluations(job)
        self._log: MetricsLog | None = None
        self._steps = 0
        self._before_s, self._began_s = 0.0, time.perf_counter()
        self._losses = LossWatch()
        self._first_loss: float | None = None

    @property
    def stopped_early(self) -> bool:
        """True if it stops because its metric no longer improves."""
        return self.evaluations.over

    @property
    def samples(self) -> int:
        """The number of samples of its steps, with those of attempts that it continues; for a
        user's own model counted in its batches."""
        sampled = getattr(self.step, "sampled", None)
        return self._steps * self.job.batch if sampled is None else int(sampled.total)

    @property
    def seconds(self) -> float:
        """Seconds of training and evaluation, in this attempt and in those that it continues."""
        return self._before_s + time.perf_counter() - self._began_s

    @property
    def steps_left(self) -> int:
        """The number of steps still to do."""
        return self.job.steps - self._steps

    @property
    def warmup_steps(self) -> int:
        """The number of these that are warm-up, in a process that has done none. A job that stopped
        in its warm-up does the rest of it, so that its first loss is read at the same step as
        without a stop."""
        made = self._steps if self._steps < WARMUP_STEPS else 0
        return min(WARMUP_STEPS - made, self.steps_left)

    def first_loss(self) -> float:
        """The loss after the warm-up of the job's first steps, or after its last step if it did
        fewer."""
        if self._first_loss is None:
            self._first_loss = self.step.loss()
        return self._first_loss

    def state(self) -> tuple[int, dict[str, Any]]:
        """The steps done, and the state that the rest of the job depends on."""
        warm = self._steps >= min(WARMUP_STEPS, self.job.steps)
        return self._steps, {
            "training": self.step.training_state(),
            "first_loss": self._first_loss if warm else None,
            "not_finite": self._losses.first,
            "evaluations": self.evaluations.state(),
            "seconds": self.seconds,
        }

    def resume(self, channel: Channel, checkpoints: JobCheckpoints) -> bool:
        """Resumes from a checkpoint, if there is one. A loss that was not finite is reported
        again."""
        found = checkpoints.find(channel)
        if found is None:
            return False
        self._steps, state = found
        self.step.load_training_state(state["training"])
        self._first_loss, self._losses.first = state["first_loss"], state["not_finite"]
        if "evaluations" in state:  # checkpoints of earlier releases have none
            self.evaluations.load_state(state["evaluations"])
            self._before_s = state["seconds"]
        if self._losses.first is not None:
            self._tell_not_finite(channel)
        return True

    def keep_metrics(self, path: Path, tensorboard: str | None) -> MetricsLog:
        """Writes later metrics at ``path``, after those of earlier attempts up to the present step.
        The caller closes it."""
        folder = None if tensorboard is None else Path(tensorboard)
        self._log = MetricsLog(path, self._steps, self.step.steps_per_epoch, folder)
        return self._log

    def run(self, channel: Channel, checkpoints: JobCheckpoints | None = None) -> None:
        """Warms up, trains, and evaluates in between, until the job is done, stops early, or is
        asked to stop. ``checkpoints`` are written once it is warm."""
        self._began_s = time.perf_counter()
        warm_at = self._steps + self.warmup_steps
        phase, begun = "build", False
        while True:
            if self.evaluations.due(self._steps):
                phase = "evaluate"
                self.evaluate_between(channel)
            if self.stopped_early or not self.steps_left:
                break
            warming = self._steps < warm_at
            if phase != (phase := "warmup" if warming else "train"):
                channel.send("phase", phase=phase)
            steps = self.evaluations.steps_until_due(self._steps)
            if warming:
                steps = min(steps, warm_at - self._steps)
            elif checkpoints is not None and not begun:
                held, begun = self.step.bytes_by_use(), True
                checkpoints.begin(held["parameter_bytes"] + held["optimizer_bytes"])
            self.train(channel, steps, None if warming else checkpoints)
            if self._steps >= warm_at:
                self.first_loss()
            if channel.stopping:
                break

    def train(
        self, channel: Channel, steps: int, checkpoints: JobCheckpoints | None = None
    ) -> None:
        """Does ``steps`` training steps and reports them as they end; writes ``checkpoints``
        between them when they are due. Stops early if the parent asks for it. Raises
        :class:`LossNotFinite` if a loss is not finite and the job should stop then."""
        ends: list[float] = []
        reported_s = time.perf_counter()
        try:
            for _ in range(steps):
                if self.job.lr_schedule is not None:
                    factor = self.job.lr_schedule.factor(self._steps, self.job.steps)
                    self.step.scale_lr(factor)
                self.step.run()
                now_s = time.perf_counter()
                ends.append(now_s)
                self._steps += 1
                if self._losses.see(self._steps, self.step.last_loss):
                    self._tell_not_finite(channel)
                if channel.stopping:
                    break
                if now_s - reported_s >= REPORT_EVERY_S:
                    self._tell_steps(channel, ends)
                    ends, reported_s = [], now_s
                    if self._losses.check():
                        self._tell_not_finite(channel)
                if checkpoints is not None and checkpoints.due(now_s):
                    self._tell_steps(channel, ends)
                    ends, reported_s = [], now_s
                    if self._losses.check():
                        self._tell_not_finite(channel)
                    checkpoints.write(channel, self.state)
            if self._losses.check():
                self._tell_not_finite(channel)
        finally:  # a step that fails takes none of those before it with it
            self._tell_steps(channel, ends)

    def check_held_out(self, channel: Channel, loss: float | None) -> None:
        """Checks ``loss`` on held-out data in the same way, after the weights were saved."""
        if loss is None or math.isfinite(loss) or self._losses.first is not None:
            return
        text = f"the loss on held-out data is {loss} after step {self._steps} of {self.job.steps}"
        self._tell(channel, None, text)

    def _tell_steps(self, channel: Channel, ends: list[float]) -> None:
        """Reports their ends, and the loss that was read last: it does not read another."""
        channel.send("steps", ends=ends, loss=self._losses.last)
        if self._log is not None and self._log.due(self.seconds):
            self._log_training(self._log)

    def _log_training(self, log: MetricsLog) -> None:
        """Logs the mean loss of the steps since the last row, and the rate of the last step."""
        loss = self._losses.take_mean()
        if loss is None:
            return
        schedule, lr = self.job.lr_schedule, self.job.lr
        if schedule is not None:
            lr *= schedule.factor(self._steps - 1, self.job.steps)
        log.add(self._steps, self.seconds, "train", {"loss": loss, "lr": lr})

    def _tell_not_finite(self, channel: Channel) -> None:
        assert self._losses.first is not None
        step, loss = self._losses.first
        self._tell(channel, step, f"the loss is {loss} at step {step} of {self.job.steps}")

    def _tell(self, channel: Channel, step: int | None, text: str) -> None:
        channel.send("not_finite", step=step, text=text)
        if self.job.on_nan == "stop":
            raise LossNotFinite(text)

    def evaluate_between(self, channel: Channel) -> None:
        """Evaluates in the middle of the training. Raises :class:`RunFailed` if the job should stop
        by a metric that its model lacks."""
        channel.send("phase", phase="evaluate")
        found = self.step.evaluate(self.job.evaluation.batches)
        self.evaluations.add(self._steps, found)
        self._log_held_out(found)

    def evaluate(self, channel: Channel) -> dict[str, Any]:
        """``loss`` and ``quality`` on held-out batches at the end of training; ``loss`` is None and
        ``quality`` empty if a user's own model holds none out."""
        quality = self.evaluations.at(self._steps)
        if quality is None:
            channel.send("phase", phase="evaluate")
            quality = dict(self.step.evaluate(self.job.evaluation.batches))
            self._log_held_out(quality)
        return {"loss": quality.pop("loss", None), "quality": quality}

    def _log_held_out(self, found: Mapping[str, float]) -> None:
        if self._log is not None:
            self._log_training(self._log)
            self._log.add(self._steps, self.seconds, "held_out", found)

    def save(self, path: Path) -> None:
        """Writes the plain ``state_dict``, all or nothing; it is on the disk when this returns.
        Raises :class:`DiskFull`.

        It includes torch's checksums, though ``torch.load`` does not read them: other readers of
        zip files, used to check a file before it is loaded, refuse one without.
        """
        import torch

        temporary = unfinished(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with DirectFile(temporary) as file:
                torch.save(self.step.state_dict(), file)  # type: ignore[arg-type]
                file.finish()
            temporary.replace(path)
            sync_folder(path.parent)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(path) from None
            raise
        finally:
            temporary.unlink(missing_ok=True)
