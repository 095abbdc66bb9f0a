"""Predicts and executes the queue on slots of the GPU, also together with the CPU's."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from executor.supervision.observer import Observer
from experiments.gpu_check.parts import NotVerified
from experiments.gpu_check.setting import Setting
from experiments.run_files.run_folder import MEASURED, PREDICTED
from experiments.stages.execution import (
    ExecutionRequest,
    Manner,
    begin,
    check_execution,
    execute,
)
from experiments.stages.prediction import scheduled, with_intervals
from experiments.validation.compare import compare
from experiments.validation.compared_runs import Runs
from experiments.validation.comparison import Comparison
from experiments.validation.verdict import Goals
from rmixer.errors import RunFailed
from rmixer.files.typed_files import write_json
from rmixer.hardware.core_lock import CoreLock
from rmixer.policies import make_policy
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.layout import Cut
from sim.job_level.simulate import SimulatedRun

POLICY = "dySequ"
KEPT = (
    "events.csv",
    "summary.json",
    "schedule.json",
    "executed_schedule.json",
    "config.yaml",
    "predicted",
    "logs",
    "metrics",
    "workers",
    "failures",
)
"""The files kept of a run folder: not the weights, which are large."""


class Executions:
    """Predicts and executes on one cut after the other; ``rows`` are the results: the
    lines of ``compare.json``, whose errors are fractions of what was measured."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.rows: list[dict[str, Any]] = []
        self._compared: dict[str, Comparison] = {}
        self._requests: dict[str, tuple[ExecutionRequest, SimulatedRun]] = {}

    def predict(self, cuts: Sequence[tuple[int, int]]) -> str:
        """Predicts each cut for which there are enough cores; the schedule of that is executed
        later. Raises :class:`NotVerified` if there is none."""
        for gpu_slots, cpu_slots in cuts:
            cut = Cut(gpu_slots, cpu_slots, 1, 1)
            if cut.cores(self._setting.machine) <= len(self._setting.machine.cores):
                name = name_of(gpu_slots, cpu_slots)
                self._requests[name] = found = self._predicted(cut)
                folder = self._folder(name) / PREDICTED
                found[1].timeline.write_csv(folder / "events.csv")
                write_json(folder / "summary.json", found[1].summary)
        if not self._requests:
            raise NotVerified(f"{len(self._setting.machine.cores)} cores suffice for none of them")
        ends = (
            f"{name}: {run.summary.makespan_s:.1f} s" for name, (_, run) in self._requests.items()
        )
        return ", ".join(ends)

    def about_s(self, name: str) -> float:
        """About how long the execution of that name takes: its workers start, and the machine may
        be slower than predicted."""
        predicted_s = self._requests[name][1].summary.makespan_s if name in self._requests else 0.0
        return 15.0 + 1.3 * predicted_s

    def execute(self, gpu_slots: int, cpu_slots: int, seconds: float) -> str:
        """Executes the predicted schedule of this cut, for ``seconds`` at most, and compares."""
        name = name_of(gpu_slots, cpu_slots)
        if name not in self._requests:
            raise NotVerified("it is not predicted: the cores do not suffice, or the profiles fail")
        request, predicted = self._requests[name]
        measured = self._executed(name, request, predicted, seconds)
        compared = compare(Runs(predicted.summary, measured))
        write_json(self._folder(name) / "compare.json", compared)
        self._compared[name] = compared
        done = [job for job in measured.jobs if job.state == "done"]
        on_gpu = [job for job in done if job.device.startswith("gpu")]
        peaks = [abs(job.peak_bytes.error) for job in compared.jobs if job.peak_bytes.error]
        row = {
            "name": name,
            "gpu_slots": gpu_slots,
            "cpu_slots": cpu_slots,
            "jobs_done": len(done),
            "jobs": len(measured.jobs),
            "jobs_on_gpu": len(on_gpu),
            "predicted_s": compared.makespan.predicted_s,
            "measured_s": compared.makespan.measured_s,
            "makespan_error": compared.makespan.error,
            **{of: getattr(compared, of) for of in ("step_mape", "step_max", "completion_mape")},
            "peak_error_max": max(peaks, default=None),
        }
        self.rows.append(row)
        write_json(self._setting.out / "compare.json", {"executions": self.rows})
        if len(done) < len(measured.jobs):
            left = [job for job in measured.jobs if job not in done]
            why = "; ".join(f"{job.id} {job.state}: {job.error}" for job in left[:3])
            raise RunFailed(f"{len(left)} jobs did not finish: {why}")
        trained = f"{len(done)} jobs trained, {len(on_gpu)} of them on the GPU"
        return f"{trained}, in {measured.makespan_s:.1f} s"

    def judge(self, gpu_slots: int, cpu_slots: int) -> str:
        """Judges its prediction. Raises :class:`NotVerified` if it misses a goal."""
        compared = self._compared.get(name_of(gpu_slots, cpu_slots))
        if compared is None:
            raise NotVerified("it was not executed")
        goals, makespan, step = Goals(), compared.makespan, compared.step_mape
        if makespan.error is None or step is None:
            raise NotVerified("a job did not finish")
        seconds = f"{makespan.predicted_s:.1f} s predicted, {makespan.measured_s:.1f} s measured"
        told = f"makespan {seconds} ({makespan.error:+.1%}), steps {step:.1%} off in the mean"
        if abs(makespan.error) > goals.makespan or step > goals.step:
            raise NotVerified(f"{told}; wanted: {goals.makespan:.0%} and {goals.step:.0%}")
        return told

    def _predicted(self, cut: Cut) -> tuple[ExecutionRequest, SimulatedRun]:
        problem = self._setting.problem
        layout = cut.layout(problem.machine)
        live = ExecutionRequest(problem, layout, POLICY)
        policy = make_policy(POLICY, problem.workload.seed)
        schedule, run = scheduled(problem, policy, layout, live.step_times)
        run = with_intervals(problem, schedule, run, live.step_times)
        return ExecutionRequest(
            problem, layout, schedule, processes=self._setting.plan.processes
        ), run

    def _executed(
        self, name: str, request: ExecutionRequest, predicted: SimulatedRun, seconds: float
    ) -> RunSummary:
        manner = Manner(until_s=time.monotonic() + seconds)
        machine = request.problem.machine
        if self._setting.plan.why_not is None:
            check_execution(request)
        with CoreLock(machine.cores, print) as lock:
            path = self._setting.scratch / name
            folder = begin(path, request, predicted, print, lock)
            try:
                return execute(folder, MEASURED, request, Observer(), lock, manner).summary
            finally:
                self._keep(path, self._folder(name))

    def _keep(self, path: Path, kept: Path) -> None:
        kept.mkdir(parents=True, exist_ok=True)
        for each in (path / name for name in KEPT):
            if each.is_dir():
                shutil.copytree(each, kept / each.name, dirs_exist_ok=True)
            elif each.exists():
                shutil.copy(each, kept)
        shutil.rmtree(path)  # the weights of a run take gigabytes

    def _folder(self, name: str) -> Path:
        return self._setting.out / "executions" / name


def name_of(gpu_slots: int, cpu_slots: int) -> str:
    """``gpu-4-cpu-4``; without slots of the CPU ``gpu-4``."""
    return f"gpu-{gpu_slots}" + (f"-cpu-{cpu_slots}" if cpu_slots else "")
