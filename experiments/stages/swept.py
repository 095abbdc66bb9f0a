"""Predicts a workload under many policies, and saves the best schedule in a run folder if asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from experiments.run_files.run_folder import RunFolder, RunInputs
from experiments.run_files.sweep_file import SweepRow
from experiments.stages.pipeline import write_sweep
from experiments.stages.prediction import doubts, is_timed, step_times_for
from experiments.stages.search_wish import Asked
from experiments.stages.simulation import Predicted
from experiments.stages.sweep import Sweep, SweepWish, sweep
from experiments.stages.voice import Voice
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule
from rmixer.scheduling.wanted_slots import Wanted


@dataclass(frozen=True)
class Swept(Predicted):
    """The result of a sweep, ``found``."""

    found: Sweep

    @property
    def summary(self) -> RunSummary:
        """The figures of the best schedule."""
        return self.found.predicted.summary

    @property
    def rows(self) -> tuple[SweepRow, ...]:
        """A row for each policy and division into slots that was tried, the best first."""
        return self.found.rows

    @property
    def schedule(self) -> Schedule:
        """The best schedule."""
        return self.found.schedule

    @property
    def one_at_a_time(self) -> RunSummary:
        """The same workload with one job after the other."""
        return self.found.sequential.summary

    @property
    def bound_s(self) -> float:
        """Seconds that no schedule can beat by the objective; 0 if no bound is known."""
        return self.found.bound.bound_s

    @property
    def doubtful(self) -> tuple[str, ...]:
        """A line for each reason why the figures may be far off; jobs are at their best batch."""
        return doubts(self.found.problem.profiles, self.summary)

    def write_into(self, folder: RunFolder) -> None:
        """Writes its files into ``folder``."""
        write_sweep(folder, self.problem, self.found)


@dataclass(frozen=True)
class Trials:
    """The trials of a sweep: ``policies`` by their names, on the ``wanted`` slots; ``asked`` are
    the settings of a search for better schedules."""

    policies: tuple[str, ...]
    wanted: Wanted
    asked: Asked


def swept(problem: Problem, trials: Trials, voice: Voice, settings: Mapping[str, object]) -> Swept:
    """Tries all ``trials`` on ``problem``. ``settings`` are kept in the run folder besides. Raises
    as :func:`~experiments.stages.sweep.sweep`."""
    asked = trials.asked
    asked.check(problem.workload, timed=is_timed(problem.profiles))
    with voice.searching(asked) as search, voice.bar("sweep") as progress:
        wish = SweepWish(trials.policies, trials.wanted, asked.objective, search)
        found = sweep(problem, step_times_for(problem), wish, progress=progress)
    said = {"policies": trials.policies, "slots": dict(trials.wanted.said()), **settings}
    inputs = RunInputs("sweep", problem.workload, problem.machine, said | asked.settings(Asked()))
    return Swept(inputs, problem, found)
