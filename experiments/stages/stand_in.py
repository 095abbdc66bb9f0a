"""Schedules a run's jobs again, on a supposed machine or with other batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments.run_files.sweep_file import read_rows
from experiments.stages.candidates import layout_of
from experiments.stages.layouts import grid
from experiments.stages.predicted_run import PredictedRun
from experiments.stages.prediction import step_times_for
from experiments.stages.search_wish import SEARCH, SearchWish, Setting
from rmixer.errors import InputError
from rmixer.policies import Policy, make_policy
from rmixer.policies.baselines.lpt import Lpt
from rmixer.policies.baselines.planned import Planned
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.admission import check_peaks
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.wanted_slots import Wanted, wanted_of
from sim.job_level.simulate import Level, simulate
from sim.planning.objective import Objective

EVALUATIONS = 30_000
"""A repeated search evaluates this many schedules: about three seconds for 24 jobs."""


@dataclass(frozen=True)
class ByPolicy:
    """A policy that can schedule again, on the slots of ``cut``. ``layout`` is exactly the run's
    own, None for a stand-in; ``why`` then says why it stands in for the run's own policy.
    ``searched`` is the number of schedules that it evaluates each time: none."""

    policy: str
    cut: Cut
    layout: Layout | None
    why: str = ""
    searched: int = 0

    @property
    def fixed(self) -> str:
        """Says why the number of slots cannot be chosen; "" if it can."""
        cuts_itself = make_policy(self.policy).cuts_itself
        return f"{self.policy} chooses its own slots" if cuts_itself else ""

    def layout_on(self, problem: Problem, cut: Cut | None = None) -> Layout:
        """The slots on the machine of ``problem``. Raises :class:`InputError` if it lacks the
        cores."""
        found = layout_of(problem, self._made(problem), cut or self.cut)
        found.check(problem.machine, "slots and threads")
        return found

    def again(self, run: PredictedRun) -> tuple[str, RunSummary]:
        """The run itself, scheduled again, and its slots in words."""
        layout = self.layout or self.layout_on(run.problem)
        return str(Cut.of(layout)), _simulated(run.problem, self._made(run.problem), layout, "auto")

    def simulated(self, problem: Problem, cut: Cut | None, level: Level) -> RunSummary:
        """``problem`` on the slots of another ``cut``, or on the run's slots. Raises
        :class:`InputError` if cores are lacking, :class:`RunFailed` if memory is."""
        return _simulated(problem, self._made(problem), self.layout_on(problem, cut), level)

    def _made(self, problem: Problem) -> Policy:
        return make_policy(self.policy, problem.workload.seed)


@dataclass(frozen=True)
class BySearch:
    """Searches again, each time for a schedule on slots that were ``wanted``. All else is as
    :class:`ByPolicy` has it."""

    cut: Cut
    wanted: Wanted = field(default_factory=Wanted)
    objective: Objective = "makespan"
    policy: str = SEARCH
    why: str = ""
    searched: int = EVALUATIONS

    @property
    def fixed(self) -> str:
        said = any(option.endswith("slots") for option, _ in self.wanted.said())
        return "" if said else "the search may use as many slots as there are cores"

    def again(self, run: PredictedRun) -> tuple[str, RunSummary]:
        return str(self.cut), self.simulated(run.problem, None, "auto")

    def simulated(self, problem: Problem, cut: Cut | None, level: Level) -> RunSummary:
        from experiments.stages.searching import search  # here: it imports numba, which is slow

        wanted = self.wanted if cut is None else _exactly(cut)
        setting = Setting(grid(problem, wanted), wanted, (), 0.0, self.objective)
        wish = SearchWish(evaluations=self.searched)
        schedule = search(problem, step_times_for(problem), setting, wish).schedule
        return _simulated(problem, Planned(schedule), schedule.settings.layout, level)


Decider = ByPolicy | BySearch


def decider_of(run: PredictedRun) -> Decider:
    """The policy or the search behind ``run``. If the policy cannot schedule again, the best policy
    in the run's sweep, or ``lpt`` without one."""
    if run.policy == SEARCH:
        settings: Mapping[str, Any] = run.folder.config("settings")
        objective: Objective = settings.get("search", {}).get("objective", "makespan")
        return BySearch(run.cut, wanted_of(settings.get("slots", {})), objective)
    if (policy := _known(run.policy)) is None:
        why = f"{run.policy!r} cannot be asked again"
    else:
        own = ByPolicy(run.policy, run.cut, run.layout)
        if policy.cuts_itself or _is_a_cut(run, own):
            return own
        why = f"the slots of {run.policy!r} do not fit this machine"
    for row in read_rows(run.folder.path):
        if row.makespan_s is not None and _known(row.policy) is not None:
            said = f"{why}: the best policy of the sweep, {row.label}, is used instead"
            return ByPolicy(row.policy, row.cut, None, said)
    return ByPolicy(Lpt.name, run.cut, None, f"{why}: {Lpt.name} is used instead")


def _exactly(cut: Cut) -> Wanted:
    gpu_threads = (cut.gpu_threads,) if cut.gpu_slots else None
    cpu_threads = (cut.cpu_threads,) if cut.cpu_slots else None
    return Wanted(None, None, (cut.gpu_slots,), (cut.cpu_slots,), gpu_threads, cpu_threads)


def _simulated(problem: Problem, policy: Policy, layout: Layout, level: Level) -> RunSummary:
    times = step_times_for(problem)
    found = simulate(problem, policy, layout, times, level=level).summary
    check_peaks(found, problem.machine)
    return found


def _is_a_cut(run: PredictedRun, own: ByPolicy) -> bool:
    """True if the same policy on the same slots and threads has the layout of the run."""
    try:
        return own.layout_on(run.problem) == run.layout
    except InputError:
        return False


def _known(policy: str) -> Policy | None:
    """The policy of this name, if it can decide."""
    try:
        return make_policy(policy)
    except InputError:
        return None
