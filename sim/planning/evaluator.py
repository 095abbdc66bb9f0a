"""Evaluates planned schedules: the job level's makespan and completions, thousands a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmixer.errors import PolicyStarved
from rmixer.scheduling.admission import context_bytes
from rmixer.scheduling.device_books import GPU_WORKER_BYTES
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import ScheduledJob
from rmixer.scheduling.step_times import Member, Mix, StepTimes
from rmixer.scheduling.view import MEMORY_MARGIN, MemoryCheck
from sim.demand.resident import solo_unit_s
from sim.job_level.phases import phases_of
from sim.operator_level.instruction_tables import Floats
from sim.planning.compiled_schedule import HASH_FACTOR, play

BOOKED = {"margin": MEMORY_MARGIN, "peak": 1.0, "none": 0.0}
"""The factor on the peak that is booked for a job."""
NOTHING: Floats = np.empty((0, 0))
NO_PLACES = np.empty((0, 2), dtype=np.int64)
NO_DEMANDS = (NOTHING, NO_PLACES[:, 0], (np.empty((2, 0, 0)), NO_PLACES[:, 0]), NO_PLACES, NOTHING)
"""The value for mixes that are asked for and not computed by mean demand."""


@dataclass(frozen=True)
class Factors:
    """The factor on the work of each job of the problem, and the seconds of a unit in each of the
    known mixes."""

    jobs: Floats
    mixes: Floats


Plan = tuple[NDArray[np.int64], ...]


@dataclass(frozen=True)
class Judged:
    """A schedule's ``makespan_s`` from the first start to the last end, and the start and end of
    each job of the problem, in seconds of the run; infinite if it never has one."""

    makespan_s: float
    starts_s: Floats
    ends_s: Floats


class Evaluator:
    """Plays schedules of ``problem`` on ``layout`` like :func:`sim.job_level.simulate.simulate`
    with the policy ``planned`` and ``step_times``, but compiled and without a record. It remembers
    mixes. ``memory`` is the check that decides if a job fits."""

    def __init__(
        self,
        problem: Problem,
        layout: Layout,
        step_times: StepTimes,
        memory: MemoryCheck = "margin",
    ) -> None:
        self._problem, self._layout, self._step_times = problem, layout, step_times
        self._places = {each.job.id: place for place, each in enumerate(problem.jobs)}
        self._devices = [entry.device for entry in layout.devices]
        self._slots = [(entry, slot) for entry in layout.devices for slot in range(entry.slots)]
        self._first_slot = np.cumsum([0, *(entry.slots for entry in layout.devices)])
        # As the books have it, but all contexts are booked: a job of a model takes one over.
        self._context_bytes = 0 if memory == "none" else context_bytes(problem.jobs)
        self._jobs = self._job_tables(BOOKED[memory])
        least = GPU_WORKER_BYTES if memory == "margin" else 0
        has_bytes = {device.name: device.memory_bytes for device in problem.machine.devices}
        self._memory = (
            np.array([self._contexts(entry) * float(entry.slots) for entry in layout.devices]),
            np.array([float(has_bytes[name]) for name in self._devices]),
            np.array(
                [
                    self._contexts(e) + float(least * (e.kind == "gpu") * e.slots)
                    for e in layout.devices
                ]
            ),
            self._first_slot.astype(np.int64),
            np.array([int(entry.kind == "cpu") for entry in layout.devices]),
        )
        self._mixes = _new_table()
        self._units = np.ones((64, len(self._slots)))
        self._demands = NO_DEMANDS
        self._classes: list[list[int]] = []
        self.known: list[Mix] = []

    def _contexts(self, entry: DeviceSlots) -> int:
        """The context's bytes of a worker of a slot of ``entry``; 0 on the CPU."""
        return self._context_bytes if entry.kind == "gpu" else 0

    def judge(self, dispatches: Sequence[ScheduledJob]) -> Judged:
        """Evaluates ``dispatches``, one for each job. Raises :class:`PolicyStarved` if some can
        never start."""
        return self.judge_plan(self.plan(dispatches))

    def judge_plan(self, plan: Plan) -> Judged:
        """The same for a :meth:`plan`: a search changes its arrays instead of making new ones."""
        judged = self.judge_some(plan)
        if judged.makespan_s == inf or not np.isfinite(judged.ends_s).all():
            raise PolicyStarved("the plan leaves jobs waiting on an idle machine")
        return judged

    def judge_some(self, plan: Plan) -> Judged:
        """The same for a plan of some of the jobs; the others never start nor end. The makespan is
        infinite if one of the plan never ends either."""
        return self._judged(plan, None)

    def draws(
        self,
        dispatches: Sequence[ScheduledJob],
        factors: Callable[[Sequence[Mix]], Iterable[Factors]],
    ) -> list[Judged]:
        """The same once for each of ``factors``, which are asked for with the mixes of
        :attr:`known`. No mix is solved: in one that only a draw meets, a member takes its mean time
        in the known mixes of the nearest size."""
        plan = self.plan(dispatches)
        self._judged(plan, None)
        typical = self._typical()
        return [self._judged(plan, each, typical) for each in factors(tuple(self.known))]

    def _judged(
        self,
        plan: Plan,
        factors: Factors | None,
        typical: Floats = NOTHING,
    ) -> Judged:
        times_s = np.empty((2, len(self._problem.jobs)))
        jobs = self._jobs
        while True:
            units = self._units
            if factors is not None:
                units = units.copy()
                units[: len(factors.mixes)] *= factors.mixes[:, None]
                jobs = (jobs[0], self._jobs[1] * factors.jobs[:, None, None], *jobs[2:])
            takes = (units, typical, self._demands)
            unknown = play(jobs, plan, self._memory, self._mixes, takes, times_s)
            if not unknown.shape[1]:
                break
            self._learn(unknown)
        starts_s, ends_s = times_s
        planned = plan[0]
        last_s = float(ends_s[planned].max()) if len(planned) else inf
        makespan_s = last_s - float(starts_s.min()) if last_s < inf else inf
        return Judged(makespan_s, starts_s, ends_s)

    def _typical(self) -> Floats:
        """The seconds of a unit of each class in a mix of each size, [classes, members]: the mean
        over the known mixes of that size, or of the nearest with this class, the larger of two."""
        sizes, count = len(self._slots), 1 + int(self._jobs[3].max())
        sums, times = np.zeros((count, sizes)), np.zeros((count, sizes))
        for row, classes in enumerate(self._classes):
            for of_class, unit_s in zip(classes, self._units[row], strict=False):
                sums[of_class, len(classes) - 1] += unit_s
                times[of_class, len(classes) - 1] += 1.0
        typical = np.ones((count, sizes))
        for of_class in range(count):
            met = times[of_class].nonzero()[0]
            if met.size:
                apart = np.abs(met[None, :] - np.arange(sizes)[:, None])
                nearest = met[apart.shape[1] - 1 - apart[:, ::-1].argmin(axis=1)]
                typical[of_class] = sums[of_class, nearest] / times[of_class, nearest]
        return typical

    def plan(self, dispatches: Sequence[ScheduledJob]) -> Plan:
        """``dispatches`` as arrays, in order: the place of each job in the problem and of its
        device in the layout, its slot counted over all devices, its round, and true if that is one
        of a device."""
        ordered = sorted(dispatches, key=lambda each: each.order)
        devices = [self._devices.index(each.devices[0]) for each in ordered]
        columns = (
            [self._places[each.job] for each in ordered],
            devices,
            [self._first_slot[at] + each.slot for at, each in zip(devices, ordered, strict=True)],
            [each.round for each in ordered],
            [each.barrier == "device" for each in ordered],
        )
        return tuple(np.array(column, dtype=np.int64) for column in columns)

    def _job_tables(self, margin: float) -> tuple[NDArray[Any], ...]:
        jobs = self._problem.jobs
        phases = self._phases = {
            (j, s): phases_of(each, each.profile.step(entry.kind, entry.threads))
            for (j, each), (s, (entry, _)) in product(enumerate(jobs), enumerate(self._slots))
            if entry.kind in each.costs
        }
        most = max(map(len, phases.values()), default=0)
        amounts = np.zeros((len(jobs), len(self._slots), most))
        to_book = np.full((len(jobs), len(self._devices)), inf)
        classes = np.zeros(amounts.shape, dtype=np.int64)
        known: dict[tuple[object, ...], int] = {}
        for (j, each), (s, (entry, slot)) in product(enumerate(jobs), enumerate(self._slots)):
            if (j, s) not in phases:
                continue
            step = each.profile.step(entry.kind, entry.threads)
            cost = each.costs[entry.kind]
            taken_over = self._contexts(entry) if cost.context_bytes else 0
            to_book[j, self._devices.index(entry.device)] = margin * cost.peak_bytes - taken_over
            # Slots with cores of their own are alike; of others it counts who shares with whom.
            place = slot if self._layout.in_turn else None
            for p, (phase, amount, _) in enumerate(phases[j, s]):
                alike = (each.key, entry.device, place, phase)
                classes[j, s, p] = known.setdefault(alike, len(known))
                if solo_unit_s(step, phase) > 0:
                    amounts[j, s, p] = amount
        arrivals_s = np.array([each.job.arrival_s for each in jobs])
        return arrivals_s, amounts, to_book, classes

    def _learn(self, unknown: NDArray[np.int64]) -> None:
        """Asks for the step times of a mix, and remembers them by its hash."""
        members, classes = [], []
        key = unknown.shape[1]
        for j, s, p in unknown.T.tolist():
            entry, slot = self._slots[s]
            cores = self._layout.cores(self._problem.machine, entry.device, slot)
            identity = self._problem.jobs[j].key
            phase = self._phases[j, s][p][0]
            members.append(Member(identity, phase, entry.device, cores, sharing=entry.sharing))
            classes.append(int(self._jobs[3][j, s, p]))
            key = hashed(key, classes[-1])
        row = len(self._mixes)
        if row == len(self._units):
            self._units = np.concatenate([self._units, np.ones_like(self._units)])
        mix = Mix(tuple(members))
        self.known.append(mix)
        self._classes.append(classes)
        self._units[row, : len(members)] = self._step_times.unit_s(mix)
        self._mixes[np.int64(key)] = row


def hashed(key: int, of_class: int) -> int:
    """The hash ``key`` of the classes so far with one more, in 64 bits as in numba."""
    value = (key * HASH_FACTOR + of_class + 1) & ((1 << 64) - 1)
    return value - (1 << 64) if value >> 63 else value


def _new_table() -> Any:
    """An empty table from whole numbers to whole numbers that compiled code can read."""
    from numba import int64, typed

    return typed.Dict.empty(int64, int64)
