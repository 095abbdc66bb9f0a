"""Step times of co-running jobs by simulation at the operator level."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log2, sqrt
from statistics import fmean

import numpy as np
from scipy.special import stdtrit

from rmixer.files.typed_files import content_hash
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.step_times import Member, Mix
from sim.demand.contention import Background, host_speeds
from sim.demand.resident import Resident, Residents, device_kind
from sim.demand.segments import MAX_SEGMENTS
from sim.operator_level.ensemble import replicate, walks
from sim.operator_level.instruction_tables import Floats
from sim.operator_level.solved_mixes import Precision, Solution, SolvedMixes

PRECISION = 0.01
REPLICATIONS = 64
MAX_REPLICATIONS = 256
LEAST_SEGMENTS = 4


class OperatorLevel:
    """:class:`rmixer.scheduling.step_times.StepTimes` by simulation at the operator level.

    Members on one device are solved together (with those that share cores with them). The others,
    and members in other phases if several train, are a background, rounded to 0.1 busy cores and
    0.1 streams or 0.05 a busy core, so that mixes recur. Start offsets are drawn from ``seed`` and
    the mix and averaged over until the 95% interval of every rate is within 1%, over 64 to 256
    replications. Alone, a member's time is its profile's. Results are remembered for the object's
    life, and in ``solved`` for other processes.
    """

    def __init__(
        self,
        profiles: Mapping[str, ModelProfile],
        machine: Machine,
        seed: int = 0,
        solved: SolvedMixes | None = None,
    ) -> None:
        self._residents = Residents(profiles, machine)
        self._solved = solved
        self._cores, self._seed = len(machine.cores), seed
        self._answers: dict[Mix, tuple[tuple[float, ...], Precision]] = {}
        self._solutions: dict[tuple[Mix, Background], Solution] = {}

    def unit_s(self, mix: Mix) -> tuple[float, ...]:
        """For each member of the mix in order: seconds of a training step, or of the whole of
        another phase. Raises :class:`InputError` if a profile lacks figures."""
        return self._answer(mix)[0]

    def precision(self, mix: Mix) -> Precision:
        """The precision that :meth:`unit_s` reached for ``mix``, the worst over its devices."""
        return self._answer(mix)[1]

    def _answer(self, mix: Mix) -> tuple[tuple[float, ...], Precision]:
        if mix not in self._answers:
            units = [0.0] * len(mix.members)
            precision = Precision(0, 0.0)
            groups = _groups(mix.members)
            made = self._residents.resident
            residents = [made(member) for member in mix.members] if len(groups) > 1 else []
            for group in groups:
                rest = [residents[i] for other in groups if other is not group for i in other]
                part = _same_names([mix.members[i] for i in group])
                canonical, position = Mix(part).canonical()
                solution = self._solve(canonical, self._background(rest, part, Background()))
                for index, at in zip(group, position, strict=True):
                    units[index] = solution.units_s[at]
                precision = max(
                    precision, solution.precision, key=lambda p: (p.half_width, p.replications)
                )
            self._answers[mix] = (tuple(units), precision)
        return self._answers[mix]

    def _background(
        self, rest: Sequence[Resident], part: Sequence[Member], known: Background
    ) -> Background:
        """The background of ``part``: ``known`` and the mean demand of ``rest``."""
        own = {core for member in part for core in member.cores}
        busy = known.busy_cores + sum(len(r.steady.cores) * r.steady.load for r in rest)
        pressure = known.pressure + sum(r.steady.pressure * r.steady.load for r in rest)
        left = max(0, self._cores - len(own))
        # What counts is the pressure a core: beside many, a tenth of a stream is nothing.
        streams = max(0.1, 0.05 * min(busy, left))
        return Background(round(min(busy, left), 1), round(round(pressure / streams) * streams, 3))

    def _solve(self, mix: Mix, background: Background) -> Solution:
        key = (mix, background)
        if key not in self._solutions:
            self._solutions[key] = self._simulate(mix, background)
        return self._solutions[key]

    def _simulate(self, mix: Mix, background: Background) -> Solution:
        solo_s = [self._residents.unit_s(member) for member in mix.members]
        if len(solo_s) == 1 and background == Background():
            return Solution(tuple(solo_s), Precision(0, 0.0))
        residents = [self._residents.resident(member) for member in mix.members]
        if not any(resident.training for resident in residents):
            speeds = host_speeds([resident.steady for resident in residents], background)
            return _solution(solo_s, speeds, Precision(0, 0.0))
        apart = _bystanders(residents)
        if apart:
            return self._beside(mix, residents, apart, background)
        if self._solved is not None and (known := self._solved.find(mix, background)) is not None:
            return known
        key = content_hash([self._seed, mix, background])
        solution = _solution(solo_s, *_average(self._coarser(residents), background, key))
        if self._solved is not None:
            self._solved.keep(mix, background, solution)
        return solution

    def _coarser(self, residents: Sequence[Resident]) -> list[Resident]:
        """Takes fewer segments for steps that the slowest's outlasts several times: about as many
        in its time, but no fewer than 4, because the effect of other jobs is averaged over several
        steps."""
        slowest_s = max(r.step.solo_s for r in residents if r.training)
        coarse = []
        for each in residents:
            ratio = slowest_s / each.step.solo_s if each.training else 1.0
            limit = max(LEAST_SEGMENTS, MAX_SEGMENTS >> int(log2(max(1.0, ratio))))
            less = limit < MAX_SEGMENTS
            coarse.append(self._residents.resident(each.member, limit) if less else each)
        return coarse

    def _beside(
        self, mix: Mix, residents: Sequence[Resident], apart: set[int], background: Background
    ) -> Solution:
        """Solves the mix with the members ``apart`` as a background of the others; they themselves
        feel the others' mean demand."""
        inside = [index for index in range(len(residents)) if index not in apart]
        part = [mix.members[index] for index in inside]
        canonical, position = Mix(tuple(part)).canonical()
        rest = [residents[index] for index in apart]
        solution = self._solve(canonical, self._background(rest, part, background))
        speeds = host_speeds([resident.steady for resident in residents], background)
        units = [
            self._residents.unit_s(member) / speed
            for member, speed in zip(mix.members, speeds, strict=True)
        ]
        for index, at in zip(inside, position, strict=True):
            units[index] = solution.units_s[at]
        return Solution(tuple(units), solution.precision)


def _solution(solo_s: Sequence[float], speeds: Sequence[float], precision: Precision) -> Solution:
    return Solution(
        tuple(unit / speed for unit, speed in zip(solo_s, speeds, strict=True)), precision
    )


def _bystanders(residents: Sequence[Resident]) -> set[int]:
    """Members that do not train and share no core with one that does, if several walk. Without them
    mixes recur much more often."""
    if sum(walks(residents)) < 2:
        return set()
    taken = {core for r in residents if r.training for core in r.member.cores}
    return {
        index
        for index, r in enumerate(residents)
        if not r.training and not taken & set(r.member.cores)
    }


def _average(
    residents: Sequence[Resident], background: Background, key: str
) -> tuple[list[float], Precision]:
    """Mean speeds over replications. A walker alone repeats itself exactly, so one replication is
    enough."""
    if sum(walks(residents)) == 1:
        alone = replicate(residents, background, np.zeros((len(residents), 1)))
        return alone[:, 0].tolist(), Precision(1, 0.0)
    draw = random.Random(int(key, 16))
    starts = np.array([[draw.random()] for _ in residents])
    # Offsets of successive replications fill the unit cube evenly (Kronecker's sequence); the
    # interval is that of independent draws, so on the safe side.
    strides = np.array([[sqrt(prime) % 1] for prime in _primes(len(residents))])

    def sample(first: int, last: int) -> Floats:
        return replicate(residents, background, (starts + np.arange(first, last) * strides) % 1)

    samples = sample(0, REPLICATIONS)
    for count in range(REPLICATIONS, MAX_REPLICATIONS + 1, REPLICATIONS):
        if count > samples.shape[1]:
            samples = np.concatenate([samples, sample(count - REPLICATIONS, count)], 1)
        half_width = max(_half_width(row) for row in samples.tolist())
        if half_width <= PRECISION:
            break
    return [fmean(row) for row in samples.tolist()], Precision(count, half_width)


def _half_width(values: Sequence[float]) -> float:
    count = len(values)
    array = np.asarray(values)
    return float(stdtrit(count - 1, 0.975) * array.std(ddof=1) / sqrt(count) / array.mean())


def _primes(count: int) -> list[int]:
    primes: list[int] = []
    number = 2
    while len(primes) < count:
        if all(number % prime for prime in primes):
            primes.append(number)
        number += 1
    return primes


def _groups(members: Sequence[Member]) -> list[list[int]]:
    """Positions of the members that are solved together: on one device, or on shared cores."""
    groups: list[tuple[set[object], list[int]]] = []
    for index, member in enumerate(members):
        ties: set[object] = {member.device, *member.cores}
        joined = [group for group in groups if group[0] & ties]
        groups = [group for group in groups if not group[0] & ties]
        indices = sorted([index, *(i for _, found in joined for i in found)])
        groups.append((ties.union(*(found for found, _ in joined)), indices))
    return [indices for _, indices in groups]


def _same_names(members: Sequence[Member]) -> tuple[Member, ...]:
    """The members with their devices renamed by the members on them, in any order, so that a mix
    recurs on another device."""

    def on(device: str) -> list[tuple[str, str, int]]:
        return sorted((m.identity, m.phase, m.threads) for m in members if m.device == device)

    names: dict[str, str] = {}
    for device in sorted({m.device for m in members}, key=lambda name: (on(name), name)):
        kind = device_kind(device)
        number = sum(device_kind(name) == kind for name in names)
        names[device] = f"{kind}:{number}"
    return tuple(replace(member, device=names[member.device]) for member in members)
