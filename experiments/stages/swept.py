"""Predicts a workload under many policies, and saves the best schedule in a run folder if asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.run_files.run_folder import RunFolder, RunInputs
from experiments.run_files.sweep_file import SweepRow
from experiments.stages.pipeline import write_sweep
from experiments.stages.prediction import doubts, step_times_for
from experiments.stages.search_wish import Asked
from experiments.stages.sweep import Sweep, SweepWish, sweep
from experiments.stages.voice import Voice
from rmixer.files.folder_lock import hold_folder
from rmixer.run_record.run_summary import JobSummary, RunSummary
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule
from rmixer.scheduling.wanted_slots import Wanted


@dataclass(frozen=True)
class Swept:
    """The result of a sweep, ``found``, for the ``problem``. ``inputs`` are those for the run
    folder."""

    inputs: RunInputs
    problem: Problem
    found: Sweep

    @property
    def rows(self) -> tuple[SweepRow, ...]:
        """A row for each policy and division into slots that was tried, the best first."""
        return self.found.rows

    @property
    def schedule(self) -> Schedule:
        """The best schedule."""
        return self.found.schedule

    @property
    def summary(self) -> RunSummary:
        """The figures of the best schedule."""
        return self.found.predicted.summary

    @property
    def makespan_s(self) -> float:
        """Seconds of the best schedule."""
        return self.summary.makespan_s

    @property
    def jobs(self) -> tuple[JobSummary, ...]:
        """A row for each job of the best schedule."""
        return self.summary.jobs

    @property
    def one_at_a_time(self) -> RunSummary:
        """The same workload with one job after the other."""
        return self.found.sequential.summary

    @property
    def bound_s(self) -> float:
        """Seconds that no schedule can beat; 0 if no bound is known."""
        return self.found.bound.bound_s

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
            write_sweep(folder, self.problem, self.found)
        return folder


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
    with voice.searching(asked) as search, voice.bar("sweep") as progress:
        wish = SweepWish(trials.policies, trials.wanted, asked.objective, search)
        found = sweep(problem, step_times_for(problem), wish, progress=progress)
    said = {"policies": trials.policies, "slots": dict(trials.wanted.said()), **settings}
    inputs = RunInputs("sweep", problem.workload, problem.machine, said | asked.settings(Asked()))
    return Swept(inputs, problem, found)
