"""A job of a few steps run exactly as the executor runs it, for what its phases cost."""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rmixer.errors import RunFailed
from rmixer.training.process import WorkerProcess
from rmixer.workload import Job

STEPS = 15
REPEATS = 3


@dataclass(frozen=True)
class PhaseTimes:
    """Seconds of each phase but training, and the worker's peak of resident memory."""

    build_s: float
    warmup_s: float
    evaluate_s: float
    save_s: float
    peak_bytes: int


def measure_phases(worker: WorkerProcess, job: Job) -> PhaseTimes:
    """The median of three short runs of ``job`` in a warm worker; the peak of the first."""
    short = dataclasses.replace(job, steps=STEPS)
    with tempfile.TemporaryDirectory(prefix="rmixer-") as folder:
        runs = [_one_run(worker, short, Path(folder) / "model.pt") for _ in range(REPEATS)]
    return PhaseTimes(
        **{
            f"{phase}_s": statistics.median(times[phase] for times, _ in runs)
            for phase in ("build", "warmup", "evaluate", "save")
        },
        peak_bytes=runs[0][1],
    )


def _one_run(worker: WorkerProcess, job: Job, path: Path) -> tuple[dict[str, float], int]:
    worker.start("rmixer.training.train_job:train_job", job=vars(job), save_to=str(path))
    times: dict[str, float] = {}
    phase, since_s = "", 0.0
    while True:
        message = worker.receive(600)
        if message["kind"] == "failed":
            raise RunFailed(f"profiling {job.model} failed\n{message['traceback']}")
        if message["kind"] in ("phase", "done"):
            if phase:
                times[phase] = message["at"] - since_s
            phase, since_s = message.get("phase", ""), message["at"]
        if message["kind"] == "done":
            return times, message["answer"]["peak_bytes"]
