"""Judges planned schedules: the job level's makespan and completions, thousands a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmixer.errors import PolicyStarved
from rmixer.scheduling.cluster import GPU_WORKER_BYTES
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import ScheduledJob
from rmixer.scheduling.step_times import Member, Mix, StepTimes
from rmixer.scheduling.view import MEMORY_MARGIN
from sim.demand.resident import solo_unit_s
from sim.job_level.phases import PHASES, phase_amount
from sim.operator_level.compiled import missing
from sim.operator_level.instruction_tables import Floats
from sim.planning.compiled_schedule import HASH_FACTOR, play


@dataclass(frozen=True)
class Judged:
    """A schedule's ``makespan_s`` from the first start to the last end, and when each job of the
    problem starts and ends, in seconds of the run."""

    makespan_s: float
    starts_s: Floats
    ends_s: Floats


class Evaluator:
    """Plays schedules of ``problem`` on ``layout`` as :func:`sim.job_level.simulate.simulate` does
    with the policy ``planned`` and ``step_times``, but compiled and without a record. Mixes that it
    has met are remembered."""

    def __init__(self, problem: Problem, layout: Layout, step_times: StepTimes) -> None:
        self._problem, self._layout, self._step_times = problem, layout, step_times
        self._places = {each.job.id: place for place, each in enumerate(problem.jobs)}
        self._devices = [entry.device for entry in layout.devices]
        self._slots = [(entry, slot) for entry in layout.devices for slot in range(entry.slots)]
        self._first_slot = np.cumsum([0, *(entry.slots for entry in layout.devices)])
        self._jobs = self._job_tables()
        memory = {device.name: device.memory_bytes for device in problem.machine.devices}
        self._memory = (
            np.zeros(len(self._devices)),
            np.array([float(memory[name]) for name in self._devices]),
            np.array([_least_booked(entry) for entry in layout.devices]),
        )
        self._mixes = _new_table()
        self._units = np.ones((64, len(self._slots)))
        self.known: list[Mix] = []

    def judge(self, dispatches: Sequence[ScheduledJob]) -> Judged:
        """What ``dispatches``, one for each job, come to. Raises :class:`PolicyStarved` if some can
        never start."""
        return self._judged(self._plan(dispatches), None)

    def draws(
        self,
        dispatches: Sequence[ScheduledJob],
        factors: Callable[[Sequence[Mix]], Iterable[Floats]],
    ) -> list[Judged]:
        """The same once for each of ``factors``: what all known units are multiplied by, a row for
        each mix of :attr:`known` and a column for each of its members. A mix that only a draw meets
        has a factor of 1."""
        plan = self._plan(dispatches)
        self._judged(plan, None)
        return [self._judged(plan, factor) for factor in factors(tuple(self.known))]

    def _judged(self, plan: tuple[NDArray[np.int64], ...], factor: Floats | None) -> Judged:
        times_s = np.empty((2, len(self._places)))
        while True:
            units = self._units
            if factor is not None:
                units = units.copy()
                units[: len(factor)] *= factor
            unknown = play(self._jobs, plan, self._memory, self._mixes, units, times_s)
            if not unknown.shape[1]:
                break
            self._learn(unknown)
        starts_s, ends_s = times_s
        if np.isinf(ends_s).any():
            raise PolicyStarved("the plan leaves jobs waiting on an idle machine")
        return Judged(float(ends_s.max() - starts_s.min()), starts_s, ends_s)

    def _plan(self, dispatches: Sequence[ScheduledJob]) -> tuple[NDArray[np.int64], ...]:
        ordered = sorted(dispatches, key=lambda each: each.order)
        devices = [self._devices.index(each.devices[0]) for each in ordered]
        columns = (
            [self._places[each.job] for each in ordered],
            devices,
            [self._first_slot[at] + each.slot for at, each in zip(devices, ordered, strict=True)],
            [each.round for each in ordered],
        )
        return tuple(np.array(column, dtype=np.int64) for column in columns)

    def _job_tables(self) -> tuple[NDArray[Any], ...]:
        jobs = self._problem.jobs
        amounts = np.zeros((len(jobs), len(PHASES)))
        to_book = np.full((len(jobs), len(self._devices)), inf)
        classes = np.zeros((len(jobs), len(self._slots), len(PHASES)), dtype=np.int64)
        known: dict[tuple[object, ...], int] = {}
        for (j, each), (s, (entry, slot)) in product(enumerate(jobs), enumerate(self._slots)):
            cost = each.profile.costs().get(entry.kind)
            if cost is None:
                continue
            step = each.profile.step(entry.kind, entry.threads)
            to_book[j, self._devices.index(entry.device)] = MEMORY_MARGIN * cost.peak_bytes
            # Slots with cores of their own are alike; of others it counts who shares with whom.
            place = slot if self._layout.in_turn else None
            for p, phase in enumerate(PHASES):
                alike = (each.key, entry.device, place, phase)
                classes[j, s, p] = known.setdefault(alike, len(known))
                if solo_unit_s(step, phase) > 0:
                    amounts[j, p] = phase_amount(each, phase)
        arrivals_s = np.array([each.job.arrival_s for each in jobs])
        return arrivals_s, amounts, to_book, classes

    def _learn(self, unknown: NDArray[np.int64]) -> None:
        """Ask for the step times of a mix, and remember them by its hash."""
        members = []
        key = unknown.shape[1]
        for j, s, p in unknown.T.tolist():
            entry, slot = self._slots[s]
            cores = self._layout.cores(self._problem.machine, entry.device, slot)
            identity = self._problem.jobs[j].key
            members.append(Member(identity, PHASES[p], entry.device, cores, sharing=entry.sharing))
            key = hashed(key, int(self._jobs[3][j, s, p]))
        row = len(self._mixes)
        if row == len(self._units):
            self._units = np.concatenate([self._units, np.ones_like(self._units)])
        mix = Mix(tuple(members))
        self.known.append(mix)
        self._units[row, : len(members)] = self._step_times.unit_s(mix)
        self._mixes[np.int64(key)] = row


def hashed(key: int, of_class: int) -> int:
    """The hash ``key`` of the classes so far with one more, in 64 bits as numba has them."""
    value = (key * HASH_FACTOR + of_class + 1) & ((1 << 64) - 1)
    return value - (1 << 64) if value >> 63 else value


def _least_booked(entry: DeviceSlots) -> float:
    return float(GPU_WORKER_BYTES * entry.slots) if entry.kind == "gpu" else 0.0


def _new_table() -> Any:
    """An empty table of whole numbers by whole numbers that compiled code reads."""
    if missing():
        return {}
    from numba import int64, typed

    return typed.Dict.empty(int64, int64)
