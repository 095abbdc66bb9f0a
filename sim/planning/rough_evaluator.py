"""Evaluates planned schedules by rough step times from compiled code, in which mixes cost
little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.step_times import Member
from rmixer.scheduling.view import MemoryCheck
from sim.demand.contention import HostDemand
from sim.demand.resident import Resident, Residents
from sim.operator_level.instruction_tables import Floats
from sim.planning.evaluator import Evaluator, Judged, Plan, _new_table
from sim.simple_step_times.mean_demand import MeanDemand

MOST_MIXES = 1 << 16
"""At most this many are remembered. Then all are forgotten: the mixes of a search change with its
progress."""


class RoughEvaluator(Evaluator):
    """An :class:`Evaluator` by mean demand. On slots that share cores it asks :class:`MeanDemand`
    for each mix."""

    def __init__(
        self, problem: Problem, layout: Layout, times: MeanDemand, memory: MemoryCheck = "margin"
    ) -> None:
        super().__init__(problem, layout, times, memory)
        self._compiled = not layout.in_turn
        if self._compiled:
            self._demands = self._tables(times.residents)
            self._units = np.ones((MOST_MIXES, len(self._slots)))

    def judge_some(self, plan: Plan) -> Judged:
        if self._compiled and 2 * len(self._mixes) > len(self._units):
            self._mixes = _new_table()
        return super().judge_some(plan)

    def _tables(self, residents: Residents) -> Any:
        """The demands of all classes in the form of
        :func:`~sim.planning.compiled_schedule.mean_demand`."""
        problem = self._problem
        members: dict[int, Member] = {}
        for (j, s), phases in self._phases.items():
            entry, slot = self._slots[s]
            cores = self._layout.cores(problem.machine, entry.device, slot)
            for p, (phase, _, _) in enumerate(phases):
                of_class = int(self._jobs[3][j, s, p])
                if of_class not in members:
                    key = problem.jobs[j].key
                    members[of_class] = Member(key, phase, entry.device, cores)
        made = [residents.resident(members[of_class]) for of_class in range(len(members))]
        figures = [_figures(each, residents.unit_s(each.member)) for each in made]
        gpu_of = [self._devices.index(each.member.device) if each.gpu_load else -1 for each in made]
        first_last: list[tuple[int, int]] = []
        segments: list[tuple[float, ...]] = []
        for each in made:
            first = len(segments)
            if each.gpu_load:
                segments += [
                    (s.host_s, s.device_s, s.lead_s, s.launch_s, s.tail_s, float(s.waits))
                    for s in each.step.segments
                ]
            first_last.append((first, len(segments)))
        return (
            np.array(figures).reshape(-1, 6),
            np.array(gpu_of, dtype=np.int64),
            _curves([each.steady for each in made]),
            np.array(first_last, dtype=np.int64).reshape(-1, 2),
            np.array(segments).reshape(-1, 6),
        )


def _figures(resident: Resident, alone_s: float) -> tuple[float, ...]:
    steady = resident.steady
    threads = float(len(steady.cores))
    gpu = (resident.gpu_load, resident.step.gpu_s) if resident.gpu_load else (0.0, 0.0)
    return threads, steady.load, steady.pressure, *gpu, alone_s


def _curves(demands: Sequence[HostDemand]) -> tuple[Floats, NDArray[np.int64]]:
    """Slow-downs with 0, 1, ... computing and streaming cores, and the number known of each."""
    pairs = [(each.compute_slowdown, each.stream_slowdown) for each in demands]
    last = [min(len(compute), len(stream)) for compute, stream in pairs]
    curves = np.ones((2, len(pairs), 1 + max(last, default=0)))
    for at, pair in enumerate(pairs):
        for kind, curve in enumerate(pair):
            curves[kind, at, 1 : 1 + last[at]] = curve[: last[at]]
    return curves, np.array(last, dtype=np.int64)
