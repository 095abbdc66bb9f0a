"""Executes several schedules of one workload in turn, repeatedly, to find the best."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from experiments.run_files.run_folder import RunFolder
from experiments.stages.candidates import BASELINE, layout_of
from experiments.stages.execution import (
    AS_USUAL,
    ExecutionRequest,
    check_execution,
    execute,
)
from experiments.stages.prediction import scheduled, step_times_for
from experiments.stages.sweep import sweep
from experiments.stages.voice import Voice
from experiments.validation.choice import Choice, Contender, judge_choice
from rmixer.errors import RunFailed
from rmixer.files.typed_files import content_hash, write_json
from rmixer.hardware.core_lock import CoreLock
from rmixer.policies import every_policy, make_policy
from rmixer.scheduling.layout import Cut
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule
from rmixer.scheduling.step_times import StepTimes

BASELINES = (BASELINE, "all_at_once", "lpt")
CHOICE = "choice.json"
MOST = 1000
_LEFT = ("models", "checkpoints", "metrics", "logs", "workers", "steps")
"""Files of an execution that are not needed from one of a hundred."""


@dataclass(frozen=True)
class Runner:
    """A schedule that takes part: its ``name``, and its predicted makespan."""

    name: str
    schedule: Schedule
    predicted_s: float

    @property
    def prediction(self) -> dict[str, object]:
        """The record that is kept before the first execution. If it differs from that of an earlier
        call, executions of that call are not reused."""
        return {
            "schedule": self.name,
            "predicted_s": round(self.predicted_s, 9),
            "hash": content_hash(self.schedule),
        }


@dataclass(frozen=True)
class Hall:
    """The listener of a race, and the lock on its cores."""

    voice: Voice
    lock: CoreLock


def runners(problem: Problem, count: int, voice: Voice) -> list[Runner]:
    """The ``count`` best different schedules of a sweep, the best first, then its worst one and the
    baselines. Each is predicted as precisely as its mixes allow."""
    step_times = step_times_for(problem)
    with voice.bar("sweep") as progress:
        found = sweep(problem, step_times, progress=progress)
    rows = [row for row in found.rows if row.makespan_s is not None]
    best = rows[0]
    chosen = [Runner(best.label, found.schedule, found.predicted.summary.makespan_s)]
    worst = max(rows, key=lambda row: row.makespan_s or 0.0)
    others = [row for row in rows if row.policy in set(every_policy())]
    fixed = [(worst.policy, worst.cut), *((name, best.cut) for name in BASELINES)]
    for limit, tried in ((count, [(row.policy, row.cut) for row in others]), (MOST, fixed)):
        for policy, cut in tried:
            if len(chosen) >= limit:
                break
            runner = _runner(problem, policy, cut, step_times)
            known = [each.schedule.dispatches for each in chosen]
            if runner.schedule.dispatches not in known:
                chosen.append(runner)
    return chosen


def race(
    folder: RunFolder,
    problem: Problem,
    entered: Sequence[Runner],
    repeats: int,
    hall: Hall,
) -> Choice:
    """Executes all of ``entered`` in each of ``repeats``, each time in another order, and writes
    the results. Executions of an earlier call are not repeated. Raises :class:`RunFailed` if a job
    does not finish, KeyboardInterrupt when interrupted."""
    hall.lock.take()
    measured: dict[str, list[float]] = {each.name: [] for each in entered}
    for place, each in enumerate(entered):
        path = folder.path / "schedules" / f"{place}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, each.schedule)
    for repeat in range(1, repeats + 1):
        order = list(range(len(entered)))
        Random(f"{problem.workload.seed}:{repeat}").shuffle(order)
        for place in order:
            runner = entered[place]
            part = f"repeats/{repeat:02}/{place}"
            hall.voice.report(f"repeat {repeat} of {repeats}: {runner.name}")
            seconds = _executed_s(folder, part, problem, runner, hall)
            measured[runner.name].append(seconds)
    choice = judge_choice(
        [Contender(each.name, each.predicted_s, tuple(measured[each.name])) for each in entered]
    )
    write_json(folder.path / CHOICE, choice)
    return choice


def _executed_s(
    folder: RunFolder,
    part: str,
    problem: Problem,
    runner: Runner,
    hall: Hall,
) -> float:
    known = folder.read(part) if folder.is_done(part) else None
    if known is not None:
        return known[1].makespan_s
    request = ExecutionRequest.of_schedule(problem, runner.schedule)
    check_execution(request)
    with hall.voice.watch(runner.name, len(problem.jobs)) as observer:
        executed = execute(folder, part, request, observer, hall.lock, AS_USUAL)
    if executed.interrupted:
        raise KeyboardInterrupt
    if left := [job.id for job in executed.summary.jobs if job.state != "done"]:
        where = folder.path / part
        raise RunFailed(f"{runner.name}: {', '.join(left)} did not finish, see {where}")
    for name in _LEFT:
        shutil.rmtree(folder.path / part / name, ignore_errors=True)
    folder.mark_done(part)
    return executed.summary.makespan_s


def _runner(problem: Problem, policy: str, cut: Cut, step_times: StepTimes) -> Runner:
    made = make_policy(policy, problem.workload.seed)
    layout = layout_of(problem, made, cut)
    schedule, run = scheduled(problem, made, layout, step_times)
    return Runner(f"{policy}, {Cut.of(layout)}", schedule, run.summary.makespan_s)
