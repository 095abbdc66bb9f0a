"""Which policy simulates again what a run's schedule was made by."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.run_files.sweep_file import read_rows
from experiments.stages.candidates import layout_of
from experiments.stages.predicted_run import PredictedRun
from rmixer.errors import InputError
from rmixer.policies import make_policy
from rmixer.policies.baselines.lpt import Lpt
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.problem import Problem


@dataclass(frozen=True)
class Decider:
    """A policy that can decide anew, on the slots of ``cut``. ``why`` says why it stands in for the
    run's own; empty if it is that. ``layout`` is exactly what the run's own has, None for a
    stand-in."""

    policy: str
    cut: Cut
    layout: Layout | None
    why: str = ""

    @property
    def cuts_itself(self) -> bool:
        """Whether the policy cuts any machine its own way."""
        return make_policy(self.policy).cuts_itself

    def layout_on(self, problem: Problem, cut: Cut | None = None) -> Layout:
        """The slots on the machine of ``problem``, of another ``cut`` if one is given. Raises
        :class:`InputError` if it lacks the cores."""
        policy = make_policy(self.policy, problem.workload.seed)
        found = layout_of(problem, policy, cut or self.cut)
        found.check(problem.machine, "slots and threads")
        return found


def decider_of(run: PredictedRun) -> Decider:
    """The policy of ``run`` if it is one that decides; else, as of a schedule that a search found,
    the best policy in the run's sweep, or ``lpt`` if there was none."""
    try:
        policy = make_policy(run.policy, run.problem.workload.seed)
    except InputError:
        why = f"{run.policy!r} is no policy that can decide anew"
    else:
        own = Decider(run.policy, run.cut, run.layout)
        if policy.cuts_itself or _is_a_cut(run, own):
            return own
        why = f"the slots of {run.policy!r} here are no cut of the machine"
    for row in read_rows(run.folder.path):
        if row.makespan_s is not None and _can_decide(row.policy):
            said = f"{why}: the best policy of the sweep, {row.label}, stands in for it"
            return Decider(row.policy, row.cut, None, said)
    return Decider(Lpt.name, run.cut, None, f"{why}: {Lpt.name} stands in for it")


def _is_a_cut(run: PredictedRun, own: Decider) -> bool:
    """Whether the same policy on the same slots and threads has the layout of the run."""
    try:
        return own.layout_on(run.problem) == run.layout
    except InputError:
        return False


def _can_decide(policy: str) -> bool:
    try:
        make_policy(policy)
    except InputError:
        return False
    return True
