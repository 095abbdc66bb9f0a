"""What short runs tell of a job's phases and memory, by runs that are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from profiles.measurements import phases
from profiles.measurements.phases import FIRST_STEPS, MEASURED_STEPS, measure_phases
from rmixer.errors import RunFailed
from rmixer.testing.made_up import make_job
from rmixer.training.job_files import JobFiles
from rmixer.workload.workload import Job

Told = tuple[float, int, float]
"""Of a run: seconds of a step, of which its other phases are ten; the peak; the share waited."""


class Worker:
    """Trains as ``runs`` say, one after another; steps are reported three at first, then all."""

    def __init__(self, runs: list[Told]) -> None:
        self._runs = iter(runs)
        self.steps: list[int] = []
        self.waited = 0.0

    def start(self, task: str, job: Job, files: JobFiles, device: str) -> None:
        assert Path(files.weights).parent.exists()
        step_s, peak_bytes, self.waited = next(self._runs)
        self.steps.append(job.steps)
        at = {"build": 0.0, "warmup": 10 * step_s, "train": 13 * step_s}
        at["evaluate"] = at["warmup"] + job.steps * step_s
        at["save"] = at["evaluate"] + 10 * step_s
        ends = [at["warmup"] + (i + 1) * step_s for i in range(job.steps)]
        self._messages = iter(
            [
                {"kind": "phase", "phase": "build", "at": at["build"]},
                {"kind": "phase", "phase": "warmup", "at": at["warmup"]},
                {"kind": "steps", "ends": ends[:3]},
                {"kind": "phase", "phase": "train", "at": at["train"]},
                {"kind": "steps", "ends": ends[3:]},
                {"kind": "phase", "phase": "evaluate", "at": at["evaluate"]},
                {"kind": "phase", "phase": "save", "at": at["save"]},
                {
                    "kind": "done",
                    "at": at["save"] + 10 * step_s,
                    "answer": {"peak_bytes": peak_bytes, "gpu_bytes": peak_bytes // 2},
                },
            ]
        )

    def answer(self, timeout_s: float) -> dict[str, Any]:
        return next(self._messages)


@pytest.fixture(autouse=True)
def told_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    class Waiting:
        def __init__(self, worker: Worker) -> None:
            self._worker = worker

        def share(self) -> float:
            return self._worker.waited

    monkeypatch.setattr(phases, "Waiting", Waiting)


def measured(runs: list[Told], device: str = "cpu") -> tuple[phases.PhaseTimes, Worker]:
    worker: Any = Worker(runs)
    return measure_phases(worker, make_job(), device), worker


def test_a_quick_job_is_run_three_times() -> None:
    """The median of each, and the highest peak."""
    found, worker = measured([(0.01, 100, 0.0), (0.03, 130, 0.0), (0.02, 120, 0.0)])
    assert worker.steps == [FIRST_STEPS, MEASURED_STEPS, MEASURED_STEPS]
    assert [found.build_s, found.evaluate_s, found.save_s] == pytest.approx([0.2] * 3)
    assert found.first_steps_s == pytest.approx([0.02] * FIRST_STEPS + [0.025] * 8)
    assert (found.peak_bytes, found.waited) == (130, 0.0)


def test_a_slow_one_once() -> None:
    found, worker = measured([(0.1, 100, 0.0)])
    assert worker.steps == [FIRST_STEPS]
    assert found.evaluate_s == pytest.approx(1.0)


def test_runs_in_which_others_had_the_cores_do_not_count() -> None:
    """But for the memory."""
    found, _ = measured([(0.02, 100, 0.3), (0.01, 130, 0.0), (0.03, 120, 0.5)])
    assert (found.build_s, found.peak_bytes, found.waited) == (pytest.approx(0.1), 130, 0.0)
    found, _ = measured([(0.02, 100, 0.3), (0.01, 130, 0.2), (0.03, 120, 0.5)])
    assert (found.build_s, found.waited) == (pytest.approx(0.2), 0.5)


def test_how_long_a_step_takes_is_heard_once_and_before_the_rest() -> None:
    worker: Any = Worker([(0.01, 1, 0.0)] * 3)
    heard: list[float] = []
    measure_phases(worker, make_job(), "cpu", heard.append)
    assert heard == pytest.approx([0.01])


def test_where_the_peak_is_known_the_first_run_is_shorter() -> None:
    worker: Any = Worker([(0.01, 100, 0.0)] * 3)
    measure_phases(worker, make_job(), first_steps=3)
    assert worker.steps == [3, MEASURED_STEPS, MEASURED_STEPS]


def test_on_a_gpu_the_peak_is_that_of_its_memory() -> None:
    found, _ = measured([(0.1, 100, 0.0)], "cuda:0")
    assert found.peak_bytes == 50


def test_a_job_that_fails_says_where() -> None:
    worker: Any = Worker([])
    worker.start = lambda *args, **more: None
    told = {
        "kind": "failed",
        "error": "its reason",
        "traceback": "its own words",
        "cause": "exception",
    }
    worker.answer = lambda timeout_s: told
    with pytest.raises(RunFailed, match="its own words") as failed:
        measure_phases(worker, make_job())
    assert failed.value.reason == "its reason"
