"""Predicts a workload under one policy, and saves the prediction in a run folder if asked."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from experiments.run_files.chrome_trace import write_trace
from experiments.run_files.run_folder import MEASURED, SCHEDULE, RunFolder, RunInputs
from experiments.stages.layouts import choose_layout
from experiments.stages.prediction import (
    doubts,
    one_at_a_time,
    scheduled,
    step_times_for,
    with_intervals,
    write_prediction,
)
from rmixer.files.folder_lock import hold_folder
from rmixer.files.typed_files import write_json
from rmixer.run_record.run_summary import JobSummary, RunSummary
from rmixer.run_record.timeline import Timeline
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule
from rmixer.scheduling.step_times import StepTimes
from rmixer.scheduling.wanted_slots import Wanted
from sim.job_level.simulate import Level, SimulatedRun


@dataclass(frozen=True)
class Predicted:
    """A prediction for ``problem``, not saved yet. ``inputs`` are those for the run folder."""

    inputs: RunInputs
    problem: Problem

    @property
    @abstractmethod
    def summary(self) -> RunSummary:
        """The figures of the schedule, of several the best."""

    @abstractmethod
    def write_into(self, folder: RunFolder) -> None:
        """Writes its files into ``folder``."""

    @property
    def makespan_s(self) -> float:
        """Seconds from the first start to the end of the last job."""
        return self.summary.makespan_s

    @property
    def jobs(self) -> tuple[JobSummary, ...]:
        """A row for each job: device, slot, start, end, steps, time of a step."""
        return self.summary.jobs

    @property
    def doubtful(self) -> tuple[str, ...]:
        """A line for each reason why the figures may be far off."""
        return doubts(self.problem.profiles, self.summary)

    def write(self, path: Path | str, report: Callable[[str], None] = lambda _: None) -> RunFolder:
        """Saves it as the run folder ``path``. A run there with other inputs is moved aside, which
        ``report`` mentions. Raises :class:`~rmixer.errors.InputError` if ``path`` is something else
        or cannot be written."""
        with hold_folder(Path(path)):
            folder = RunFolder.create(Path(path), self.inputs, report)
            self.write_into(folder)
        return folder


@dataclass(frozen=True)
class Simulation(Predicted):
    """The prediction under one policy: the resulting ``schedule``, and its ``run``."""

    schedule: Schedule
    run: SimulatedRun
    step_times: StepTimes

    @property
    def summary(self) -> RunSummary:
        """The figures of ``summary.json``."""
        doubtful = doubts(self.problem.profiles, self.run.summary)
        return replace(self.run.summary, doubtful=doubtful)

    @property
    def timeline(self) -> Timeline:
        """The timeline of each job, as in ``events.csv``."""
        return self.run.timeline

    @cached_property
    def one_at_a_time(self) -> RunSummary:
        """The same workload with one job after the other."""
        return one_at_a_time(self.problem, self.step_times).summary

    def write_into(self, folder: RunFolder) -> None:
        """Writes its files into ``folder``."""
        write_json(folder.path / SCHEDULE, self.schedule)
        write_prediction(folder, MEASURED, self.run, self.problem.profiles)
        write_trace(folder.path / "trace.json", {"predicted": self.timeline})


def simulation(
    problem: Problem,
    policy: Policy,
    wanted: Wanted,
    level: Level,
    settings: Mapping[str, object],
) -> Simulation:
    """Simulates ``problem`` by ``policy`` on the ``wanted`` slots. ``settings`` are kept in the run
    folder besides. Raises as :func:`~experiments.stages.layouts.choose_layout` and
    :func:`~sim.job_level.simulate.simulate`."""
    layout = choose_layout(problem, policy, wanted)
    step_times = step_times_for(problem)
    schedule, run = scheduled(problem, policy, layout, step_times, level)
    run = with_intervals(problem, schedule, run, step_times)
    decided = {"layout": layout, "level": level, **settings}
    inputs = RunInputs("simulate", problem.workload, problem.machine, decided)
    return Simulation(inputs, problem, schedule, run, step_times)
