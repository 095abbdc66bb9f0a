"""Judges schedules by the thousand by mean demand, compiled: mixes cost little."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.step_times import Member, Mix
from rmixer.scheduling.view import MemoryCheck
from sim.demand.contention import HostDemand
from sim.demand.resident import Resident
from sim.operator_level.instruction_tables import Floats
from sim.planning.compiled_schedule import mean_demand
from sim.planning.evaluator import Evaluator, Judged, Plan, _new_table
from sim.simple_step_times.mean_demand import MeanDemand


class RoughTimes(MeanDemand):
    """Equals :class:`MeanDemand` to the last bit, but is compiled if members share no cores. Such
    mixes are not remembered: those of a long queue do not recur."""

    def __init__(self, profiles: Mapping[str, ModelProfile], machine: Machine) -> None:
        super().__init__(profiles, machine)
        self._class_of: dict[Member, int] = {}
        self._classes: dict[tuple[str, str, str, int], int] = {}
        self._kinds: list[tuple[Resident, float]] = []
        self._tables: Any = ()

    def unit_s(self, mix: Mix) -> tuple[float, ...]:
        cores = [core for member in mix.members for core in member.cores]
        if len(set(cores)) < len(cores):
            return super().unit_s(mix)
        classes = self._classes_of(mix.members)
        units = np.empty(len(classes))
        mean_demand(classes, self._tables, units)
        return tuple(units.tolist())

    def demands(self, members: Sequence[Member]) -> Any:
        """Returns the ``demands`` of :func:`~sim.planning.compiled_schedule.mean_demand`;
        ``members`` are the classes, in order."""
        at = self._classes_of(members)
        figures, gpu_of, (curves, last), first_last, segments = self._tables
        return figures[at], gpu_of[at], (curves[:, at], last[at]), first_last[at], segments

    def _classes_of(self, members: Sequence[Member]) -> NDArray[np.int64]:
        known = self._class_of
        if any(member not in known for member in members):
            for member in members:
                alike = (member.identity, member.phase, member.device, member.threads)
                known[member] = self._classes.setdefault(alike, len(self._classes))
                if known[member] == len(self._kinds):
                    self._kinds.append(self._resident(member))
            if len(self._kinds) > len(self._tables[0] if self._tables else ()):
                self._tables = _tables(self._kinds)
        return np.array([known[member] for member in members], dtype=np.int64)


def _tables(made: Sequence[tuple[Resident, float]]) -> Any:
    """The demands of residents with their units alone."""
    residents = [resident for resident, _ in made]
    gpus: dict[str, int] = {}
    gpu_of = [
        gpus.setdefault(each.member.device, len(gpus)) if each.gpu_load else -1
        for each in residents
    ]
    first_last: list[tuple[int, int]] = []
    figures: list[tuple[float, ...]] = []
    segments: list[tuple[float, ...]] = []
    for each, alone_s in made:
        steady, first = each.steady, len(segments)
        gpu = (each.gpu_load, each.step.gpu_s) if each.gpu_load else (0.0, 0.0)
        figures.append((float(len(steady.cores)), steady.load, steady.pressure, *gpu, alone_s))
        if each.gpu_load:
            segments += [
                (s.host_s, s.device_s, s.lead_s, s.launch_s, s.tail_s, float(s.waits))
                for s in each.step.segments
            ]
        first_last.append((first, len(segments)))
    return (
        np.array(figures).reshape(-1, 6),
        np.array(gpu_of, dtype=np.int64),
        _curves([each.steady for each in residents]),
        np.array(first_last, dtype=np.int64).reshape(-1, 2),
        np.array(segments).reshape(-1, 6),
    )


def _curves(demands: Sequence[HostDemand]) -> tuple[Floats, NDArray[np.int64]]:
    """Slow-downs with 0, 1, ... computing and streaming cores, and the number known of each."""
    pairs = [(each.compute_slowdown, each.stream_slowdown) for each in demands]
    last = [min(len(compute), len(stream)) for compute, stream in pairs]
    curves = np.ones((2, len(pairs), 1 + max(last, default=0)))
    for at, pair in enumerate(pairs):
        for kind, curve in enumerate(pair):
            curves[kind, at, 1 : 1 + last[at]] = curve[: last[at]]
    return curves, np.array(last, dtype=np.int64)


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
