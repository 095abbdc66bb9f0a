"""Trains one job from build to save, as a worker's task, executed or profiled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rmixer.errors import DiskFull
from rmixer.training.job_checkpoints import JobCheckpoints
from rmixer.training.job_files import JobFiles
from rmixer.training.memory import children_bytes, peak_resident_bytes, reset_peak
from rmixer.training.trained_job import TrainedJob
from rmixer.training.worker import Channel, use_cores
from rmixer.workload.workload import Job


def train_job(
    channel: Channel,
    job: Job,
    files: JobFiles,
    device: str = "cpu",
    cores: Sequence[int] = (),
) -> dict[str, Any]:
    """Trains ``job`` on ``device`` and saves its ``state_dict`` among ``files``. It has a thread on
    each of ``cores``; on all of the worker's if none are given.

    Sends ``phase`` at the start of each phase, ``steps`` (the ends of steps by this process's
    clock, and the loss of one of the last) about twice a second, and ``not_finite`` once if a loss
    is NaN or infinite: with ``on_nan: stop`` it also raises :class:`LossNotFinite`. It trains
    between two evaluations of its ``evaluate``, so that these phases alternate.

    With ``files.checkpointing`` it resumes from the checkpoint that is there: earlier steps are
    neither repeated nor reported, and its first steps are warm-up. It writes others as it trains,
    and one when it is interrupted, and sends the messages of :class:`JobCheckpoints`. Its weights
    end bit-identical to those of a job that never stopped, on as many threads.

    Returns the losses, the quality, the samples of its steps, the peak of resident memory (with
    that of the processes of a data loader at the end of training), and flags for an interruption
    and an early stop. An interrupted job has only the figures reported before. ``remark`` is a
    message for the user, if any. On a GPU ``gpu_bytes`` is the peak of torch's allocator since the
    process began.
    """
    channel.send("phase", phase="build")
    reset_peak()
    if cores:
        use_cores(cores)
    session = TrainedJob(job, device)
    checkpoints = JobCheckpoints(files.checkpointing, job) if files.checkpointing else None
    if checkpoints is not None and session.resume(channel, checkpoints):
        reset_peak()  # the checkpoint's file was mapped beside the weights
    log = None
    if files.metrics is not None:
        log = session.keep_metrics(Path(files.metrics), files.tensorboard)
    try:
        answer = _trained(channel, session, files, checkpoints)
    finally:
        if log is not None:
            log.close()
    if log is not None and log.trouble is not None:
        answer["remark"] = log.trouble
    if session.step.device.type == "cuda":
        import torch

        answer["gpu_bytes"] = torch.cuda.max_memory_reserved(session.step.device)
    return answer


def _trained(
    channel: Channel, session: TrainedJob, files: JobFiles, checkpoints: JobCheckpoints | None
) -> dict[str, Any]:
    """Trains, evaluates and saves; returns the answer of :func:`train_job`."""
    session.run(channel, checkpoints)
    answer: dict[str, Any] = {"first_loss": session.first_loss()}
    loaders_bytes = children_bytes()
    # Asked once: a stop that comes later finds a job that is all but done.
    answer["interrupted"] = channel.stopping
    if answer["interrupted"]:
        if checkpoints is not None:
            checkpoints.write(channel, session.state)
    else:
        try:
            answer |= session.evaluate(channel)
        except Exception:  # what was trained is not lost with it
            session.save(Path(files.weights))
            raise
        channel.send("phase", phase="save")
        try:
            session.save(Path(files.weights))
        except DiskFull as full:  # the losses are not lost with the weights
            full.answer = answer | {"samples": session.samples}
            raise
        session.check_held_out(channel, answer["loss"])
    answer["samples"] = session.samples
    answer["stopped_early"] = session.stopped_early
    answer["peak_bytes"] = peak_resident_bytes() + loaders_bytes
    return answer
