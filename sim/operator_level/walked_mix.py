"""A mix to be walked, with the tables that the walk reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from sim.demand.contention import PRESSURE_MAX, Background, HostDemand
from sim.demand.resident import Resident
from sim.operator_level.instruction_tables import Floats, Programs, Whole


class Host(NamedTuple):
    """Demands of members on the host: ``on`` says on which cores they are, ``own`` how many cores
    they have. ``outside[j, i]`` is the share of the cores of j that are not cores of i.
    ``pressure`` is in streams. Slow-downs are for k = 0, 1, … other busy cores, with the rise to
    the next. ``apart`` is true if no two share a core. ``pressing`` by member and ``filled`` by
    core are work space."""

    on: Floats
    own: Floats
    outside: Floats
    pressure: Floats
    pressing: Floats
    filled: Floats
    compute: Floats
    compute_rise: Floats
    stream: Floats
    stream_rise: Floats
    last: float
    apart: bool
    busy_cores: float
    streams: float
    most_streams: float


class Gpus(NamedTuple):
    """``device`` is the GPU of each walker (-1: none of those in use). ``steady_load`` [GPU,
    member] is the share of each GPU that the members of mean demand keep busy, ``steady_sum`` its
    sum."""

    device: Whole
    steady_load: Floats
    steady_sum: Floats


class Steps(NamedTuple):
    """The tables of :class:`sim.operator_level.instruction_tables.Programs`. ``host_s`` is the host
    work of a whole step, ``slowest`` the index of the walker with the longest step."""

    work: Floats
    before: Floats
    weight: Floats
    then: Whole
    lane: Whole
    amount: Floats
    width: int
    depth: int
    host_s: Floats
    slowest: int
    measured_steps: int


class Marks(NamedTuple):
    """Measurements of each replication at the begin and the end of the measured time ``at_s`` [2,
    replications]. ``made`` [2, members, replications] is the steps of walkers and, for mean demand,
    seconds of host work; ``device_s`` is those of its device work. Each walker did ``whole`` steps
    in between (-1: none ended), from ``first_s`` to ``last_s``."""

    made: Floats
    device_s: Floats
    at_s: Floats
    whole: Whole
    first_s: Floats
    last_s: Floats


MOST_WALKERS = 16
"""The speeds of every set of so many working walkers are few enough to be remembered."""


def host_table(demands: Sequence[HostDemand], background: Background) -> Host:
    """Returns what the walk needs for :func:`sim.demand.contention.host_speeds` of members whose
    loads and weights change, a row a member."""
    cores = sorted({core for demand in demands for core in demand.cores})
    on = np.array([[float(core in d.cores) for core in cores] for d in demands])
    own = on.sum(axis=1)
    common = np.array([[(a * b).sum() for b in on] for a in on])
    curves = [[d.compute_slowdown for d in demands], [d.stream_slowdown for d in demands]]
    last = max(1, *(len(curve) for kind in curves for curve in kind))
    compute, stream = ([_padded(curve, last) for curve in kind] for kind in curves)
    return Host(
        on,
        own,
        (own[:, None] - common) / own[:, None],
        np.array([demand.pressure for demand in demands]),
        np.zeros(len(on)),
        np.zeros(on.shape[1]),
        *_with_rise(compute),
        *_with_rise(stream),
        float(last),
        bool((on.sum(axis=0) <= 1).all()),
        float(background.busy_cores),
        float(background.pressure),
        PRESSURE_MAX,
    )


def _padded(curve: Sequence[float], last: int) -> list[float]:
    """Slow-downs while k = 0, 1, … other cores are busy: 1 at 0, constant beyond the last."""
    row = [1.0, *curve]
    return row + [row[-1]] * (last + 2 - len(row))


def _with_rise(curves: Sequence[Sequence[float]]) -> tuple[Floats, Floats]:
    """The curves, and how much each rises to the next k."""
    table = np.array(curves)
    return table, np.diff(table, axis=1, append=table[:, -1:])


def gpu_table(walkers: Sequence[Resident], steady: Sequence[Resident]) -> Gpus:
    """Returns what the walk needs for :func:`sim.demand.contention.sliced_speeds` of each GPU and
    its link. ``walkers`` queue their work; the members ``steady`` keep their GPU busy by their mean
    demand."""
    everyone = [*walkers, *steady]
    names = sorted({r.member.device for r in everyone if any(s.device_s for s in r.step.segments)})
    places = {name: place for place, name in enumerate(names)}
    loads = [[r.gpu_load * (r.member.device == name) for r in steady] for name in names]
    by_gpu = np.array(loads).reshape(len(names), len(steady))
    device = np.array([places.get(r.member.device, -1) for r in walkers])
    return Gpus(device, by_gpu, np.array([row.sum() for row in by_gpu]))


@dataclass(frozen=True)
class WalkedMix:
    """``walkers`` together with members ``steady`` of mean demand. In replication r walker i begins
    after ``offsets[i, r]`` of its own step. The walk ends when the slowest has done
    ``measured_steps`` steps after its first."""

    walkers: Sequence[Resident]
    steady: Sequence[Resident]
    background: Background
    offsets: Floats
    measured_steps: int

    @cached_property
    def solo_s(self) -> Floats:
        """The step of each walker alone, as a column."""
        return np.array([[resident.step.solo_s] for resident in self.walkers])

    @cached_property
    def slowest(self) -> int:
        """The walker whose step takes longest."""
        return int(np.argmax(self.solo_s[:, 0]))

    @cached_property
    def delays_s(self) -> Floats:
        """Start of each walker in seconds, [walkers, replications]."""
        return np.ascontiguousarray(self.offsets[: len(self.walkers)] * self.solo_s)

    @cached_property
    def programs(self) -> Programs:
        """The instructions of each walker's step."""
        return Programs(self.walkers)

    @cached_property
    def host(self) -> Host:
        """The speeds of host work; members of mean demand come after the walkers."""
        return host_table([r.steady for r in [*self.walkers, *self.steady]], self.background)

    @cached_property
    def gpus(self) -> Gpus:
        """The speeds of device work."""
        return gpu_table(self.walkers, self.steady)

    @cached_property
    def loads(self) -> list[float]:
        """The loads of mean demand on the host."""
        return [resident.steady.load for resident in self.steady]

    @cached_property
    def host_s(self) -> Floats:
        """The host work of a step of each walker; never 0, to divide by."""
        return np.array([max(resident.step.host_s, 1e-300) for resident in self.walkers])

    @property
    def by_pattern(self) -> bool:
        """True if the set of working walkers decides all speeds and is small enough to remember
        each."""
        return self.programs.even and len(self.walkers) <= MOST_WALKERS
