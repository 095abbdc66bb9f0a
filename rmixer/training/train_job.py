"""One job from build to save, as a worker's task: what the executor runs and what is profiled."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rmixer.errors import LossNotFinite
from rmixer.files.direct_file import DirectFile, sync_folder
from rmixer.training.job_checkpoints import Checkpointing, JobCheckpoints
from rmixer.training.loss_watch import LossWatch
from rmixer.training.memory import children_bytes, peak_resident_bytes, reset_peak
from rmixer.training.worker import Channel, use_cores
from rmixer.workload.workload import Job

WARMUP_STEPS = 3
EVALUATION_BATCHES = 20
REPORT_EVERY_S = 0.5


def train_job(
    channel: Channel,
    job: Job,
    save_to: str,
    device: str = "cpu",
    cores: Sequence[int] = (),
    checkpointing: Checkpointing | None = None,
) -> dict[str, Any]:
    """Train ``job`` on ``device`` and save its ``state_dict`` at ``save_to``. It has a thread on
    each of ``cores``; on all of the worker's if none are given.

    Sends ``phase`` at the start of each phase, ``steps`` (the times at which steps ended, by this
    process's clock, and the loss of one of the last) about twice a second, and ``not_finite`` once
    if a loss is NaN or infinite: with ``on_nan: stop`` it also raises :class:`LossNotFinite`.

    With ``checkpointing`` it goes on from the checkpoint that is there: the steps before it are not
    made again, nor reported, and its first steps are warm-up. It writes others as it trains, and
    one when it is interrupted; what it sends of them says :class:`JobCheckpoints`. Its weights end
    bit-identical to those of a job that never stopped, on as many threads.

    Returns the losses, the quality, the peak of resident memory (with what the processes of a data
    loader hold at the end of training) and whether it was interrupted; an interrupted job keeps
    what was reported. On a GPU ``gpu_bytes`` is the most that torch's allocator took of it since
    the process began.
    """
    channel.send("phase", phase="build")
    reset_peak()
    if cores:
        use_cores(cores)
    session = TrainedJob(job, device)
    checkpoints = JobCheckpoints(checkpointing, job) if checkpointing else None
    if checkpoints is not None and session.resume(channel, checkpoints):
        reset_peak()  # the checkpoint's file was mapped beside the weights
    if session.warmup_steps:
        channel.send("phase", phase="warmup")
        session.train(channel, session.warmup_steps)
    answer: dict[str, Any] = {"first_loss": session.first_loss()}
    if session.steps_left and not channel.stopping:
        channel.send("phase", phase="train")
        session.train(channel, session.steps_left, checkpoints)
    loaders_bytes = children_bytes()
    # Asked once: a stop that comes later finds a job that is all but done.
    answer["interrupted"] = channel.stopping
    if answer["interrupted"] and checkpoints is not None:
        checkpoints.write(channel, session.state)
    if not answer["interrupted"]:
        channel.send("phase", phase="evaluate")
        try:
            answer |= session.evaluate()
        except Exception:  # what was trained is not lost with it
            session.save(Path(save_to))
            raise
        channel.send("phase", phase="save")
        session.save(Path(save_to))
        session.check_held_out(channel, answer["loss"])
    answer["peak_bytes"] = peak_resident_bytes() + loaders_bytes
    if session.step.device.type == "cuda":
        import torch

        answer["gpu_bytes"] = torch.cuda.max_memory_reserved(session.step.device)
    return answer


def unfinished(path: Path) -> Path:
    """What a save to ``path`` is called until it is whole; a killed worker may leave it."""
    return path.with_name(f".{path.name}.tmp")


class TrainedJob:
    """A job in this process: its step, and the phases that are made of it."""

    def __init__(self, job: Job, device: str = "cpu") -> None:
        from rmixer.training.make_step import make_step

        self.job = job
        self.step = make_step(job, device)
        self._steps = 0
        self._losses = LossWatch()
        self._first_loss: float | None = None

    @property
    def steps_left(self) -> int:
        """How many steps are still to be made."""
        return self.job.steps - self._steps

    @property
    def warmup_steps(self) -> int:
        """How many of them are warm-up, in a process that has made none. A job that stopped in its
        warm-up makes the rest of it: its first loss is read where it is read without a stop."""
        made = self._steps if self._steps < WARMUP_STEPS else 0
        return min(WARMUP_STEPS - made, self.steps_left)

    def first_loss(self) -> float:
        """The loss after the warm-up of the job's first steps, or of those that were made."""
        if self._first_loss is None:
            self._first_loss = self.step.loss()
        return self._first_loss

    def state(self) -> tuple[int, dict[str, Any]]:
        """The steps that were made, and all that the rest of the job depends on."""
        warm = self._steps >= min(WARMUP_STEPS, self.job.steps)
        return self._steps, {
            "training": self.step.training_state(),
            "first_loss": self._first_loss if warm else None,
            "not_finite": self._losses.first,
        }

    def resume(self, channel: Channel, checkpoints: JobCheckpoints) -> bool:
        """Go on from a checkpoint, if there is one. A loss that was not finite is told again."""
        found = checkpoints.find(channel)
        if found is None:
            return False
        self._steps, state = found
        self.step.load_training_state(state["training"])
        self._first_loss, self._losses.first = state["first_loss"], state["not_finite"]
        if self._losses.first is not None:
            self._tell_not_finite(channel)
        return True

    def train(
        self, channel: Channel, steps: int, checkpoints: JobCheckpoints | None = None
    ) -> None:
        """Make ``steps`` training steps and report them as they end; write ``checkpoints`` between
        them when they are due. Stops early if the parent asks for it. Raises
        :class:`LossNotFinite` if a loss is not finite and the job stops at that."""
        ends: list[float] = []
        reported_s = time.perf_counter()
        if checkpoints is not None:
            held = self.step.bytes_by_use()
            checkpoints.begin(held["parameter_bytes"] + held["optimizer_bytes"])
        try:
            for _ in range(steps):
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
        """The same for ``loss`` on held-out data, after the weights were saved."""
        if loss is None or math.isfinite(loss) or self._losses.first is not None:
            return
        text = f"the loss on held-out data is {loss} after step {self._steps} of {self.job.steps}"
        self._tell(channel, None, text)

    def _tell_steps(self, channel: Channel, ends: list[float]) -> None:
        """Tell their ends, and the loss that was read last: none is read for it."""
        channel.send("steps", ends=ends, loss=self._losses.last)

    def _tell_not_finite(self, channel: Channel) -> None:
        assert self._losses.first is not None
        step, loss = self._losses.first
        self._tell(channel, step, f"the loss is {loss} at step {step} of {self.job.steps}")

    def _tell(self, channel: Channel, step: int | None, text: str) -> None:
        channel.send("not_finite", step=step, text=text)
        if self.job.on_nan == "stop":
            raise LossNotFinite(text)

    def evaluate(self) -> dict[str, Any]:
        """``loss`` and ``quality`` on held-out batches; ``loss`` is None and ``quality`` empty if a
        user's own model holds none out."""
        quality = self.step.evaluate(EVALUATION_BATCHES)
        return {"loss": quality.pop("loss", None), "quality": quality}

    def save(self, path: Path) -> None:
        """The plain ``state_dict``, whole or not at all; on the disk when this returns.

        torch's sums are in it, though ``torch.load`` asks for none: other readers of zip files,
        which look into a file before it is loaded, refuse one without."""
        import torch

        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = unfinished(path)
        try:
            with DirectFile(temporary) as file:
                torch.save(self.step.state_dict(), file)  # type: ignore[arg-type]
                file.finish()
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
