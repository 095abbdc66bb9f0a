"""Evaluates planned schedules by rough step times from compiled code, in which mixes cost
little."""

from __future__ import annotations

import numpy as np

from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.step_times import Member
from rmixer.scheduling.view import MemoryCheck
from sim.planning.evaluator import Evaluator, Judged, Plan, _new_table
from sim.planning.rough_times import RoughTimes

MOST_MIXES = 1 << 16
"""At most this many are remembered. Then all are forgotten: the mixes of a search change with its
progress."""


class RoughEvaluator(Evaluator):
    """An :class:`Evaluator` by mean demand. On slots that share cores it asks :class:`MeanDemand`
    for each mix."""

    def __init__(
        self, problem: Problem, layout: Layout, times: RoughTimes, memory: MemoryCheck = "margin"
    ) -> None:
        super().__init__(problem, layout, times, memory)
        self._compiled = not layout.in_turn
        if self._compiled:
            self._demands = times.demands(self._members())
            self._units = np.ones((MOST_MIXES, len(self._slots)))

    def judge_some(self, plan: Plan) -> Judged:
        if self._compiled and 2 * len(self._mixes) > len(self._units):
            self._mixes = _new_table()
        return super().judge_some(plan)

    def _members(self) -> list[Member]:
        """One member of each class, in order."""
        members: dict[int, Member] = {}
        for (j, s), phases in self._phases.items():
            entry, slot = self._slots[s]
            cores = self._layout.cores(self._problem.machine, entry.device, slot)
            for p, (phase, _, _) in enumerate(phases):
                of_class = int(self._jobs[3][j, s, p])
                if of_class not in members:
                    key = self._problem.jobs[j].key
                    members[of_class] = Member(key, phase, entry.device, cores)
        return [members[of_class] for of_class in range(len(members))]
