"""The contention model, as pure functions: the speed of work while other work runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import StepCost

PRESSURE_MAX = 1.5


@dataclass(frozen=True, eq=False)
class HostDemand:
    """The demand of one active member on the host.

    It is pinned to ``cores`` and takes ``compute_slowdown[k - 1]`` and ``stream_slowdown[k - 1]``
    times as long while k other cores compute or stream. ``pressure`` is the number of streams that
    load memory as much as it does. ``weight`` is how memory-heavy its present work is (1.0: as its
    mean step). ``load`` is the share of the time in which it is active (below 1 for mean demand
    only). Two demands are equal only if they are one object, which makes them cheap keys.
    """

    cores: tuple[int, ...]
    compute_slowdown: tuple[float, ...] = ()
    stream_slowdown: tuple[float, ...] = ()
    pressure: float = 0.0
    weight: float = 1.0
    load: float = 1.0


@dataclass(frozen=True, order=True)
class Background:
    """Steady demand of members that are not simulated one by one: the cores that they keep busy,
    and their pressure in streams."""

    busy_cores: float = 0.0
    pressure: float = 0.0


def demand_of(
    cost: StepCost, cores: tuple[int, ...], machine: Machine, load: float = 1.0
) -> HostDemand:
    """The demand of a mean step, with its sensitivity and pressure. If its sensitivity could not be
    measured for want of a free core, both curves are the machine's loss of core capacity. An
    unknown pressure counts as 0."""
    compute, stream = cost.compute_slowdown, cost.stream_slowdown
    if not compute or not stream:
        own = len(cores)
        others = range(1, len(machine.core_capacity) - own + 1)
        capacity = tuple(machine.capacity(own) / machine.capacity(own + k) for k in others)
        compute = stream = capacity
    return HostDemand(cores, compute, stream, cost.pressure or 0.0, load=load)


def host_speeds(demands: Sequence[HostDemand], background: Background | None = None) -> list[float]:
    """The speed of each member's host work, in units of its speed alone.

    Members pinned to one core share it equally (processor sharing; a mean demand counts by its
    load); one with several cores goes at the share of its slowest::

        share_i = min over its cores c of  1 / (1 + sum of the other members' loads on c)

    ``k`` is the number of other cores kept busy, ``P`` the streams that the members on them
    equal, each by its pressure x weight, its load, its share of its cores and the part of its
    cores that is not core of ``i`` itself::

        k = sum over cores c not in cores_i of min(1, loads on c)     + background
        P = sum over j != i of pressure_j weight_j load_j share_j |cores_j - cores_i| / |cores_j|
                                                                      + background
        slowdown_i = max(1, c_i(k) + clamp(P / k, 0, 1.5) (m_i(k) - c_i(k)) weight_i)
        speed_i = share_i / slowdown_i

    ``c`` and ``m`` are the measured slow-downs beside k compute and k streaming bubbles, straight
    lines between whole k, 1 at k = 0 and constant beyond the last. So it gives exactly c(k)
    beside computing neighbours and exactly m(k) beside streaming ones, as Bubble-Up (Mars et al.,
    MICRO 2011) does with one bubble.
    """
    background = background or Background()
    loads: dict[int, float] = {}
    on: dict[int, list[int]] = {}
    for index, demand in enumerate(demands):
        for core in demand.cores:
            loads[core] = loads.get(core, 0.0) + demand.load
            on.setdefault(core, []).append(index)
    shares = [
        min([1 / (1 + loads[core] - demand.load) for core in demand.cores]) for demand in demands
    ]
    filled = [min(1.0, load) for load in loads.values()]
    place = {core: at for at, core in enumerate(loads)}
    # What each presses on those with whom it shares no core, which are nearly all.
    pressing = [
        _pressing(demand, share, len(demand.cores))
        for demand, share in zip(demands, shares, strict=True)
    ]
    speeds = []
    # What a member does not feel is left out, not taken off a total, which would round otherwise.
    for index, demand in enumerate(demands):
        busy, felt = filled.copy(), pressing.copy()
        for core in demand.cores:
            busy[place[core]] = 0.0
            for other in on[core]:
                outside = sum([its not in demand.cores for its in demands[other].cores])
                felt[other] = _pressing(demands[other], shares[other], outside)
        busy_cores = sum(busy, background.busy_cores)
        pressure = sum(felt, background.pressure)
        speeds.append(shares[index] / slowdown(demand, busy_cores, pressure))
    return speeds


def _pressing(demand: HostDemand, share: float, outside: int) -> float:
    """The pressure of ``demand``, in streams, from those of its cores that are ``outside``."""
    part = share * outside / len(demand.cores)
    return demand.pressure * demand.weight * demand.load * part


def slowdown(demand: HostDemand, busy_cores: float, pressure: float) -> float:
    """The time of ``demand`` in units of its time alone, while ``busy_cores`` other cores are busy
    under a total ``pressure`` in streams. The formula is that of :func:`host_speeds`."""
    if busy_cores <= 0:
        return 1.0
    compute = _at(demand.compute_slowdown, busy_cores)
    stream = _at(demand.stream_slowdown, busy_cores)
    streaming = min(max(pressure / busy_cores, 0.0), PRESSURE_MAX)
    return max(1.0, compute + streaming * (stream - compute) * demand.weight)


def _at(curve: tuple[float, ...], k: float) -> float:
    """``curve`` (its value for k = 1, 2, …) at any k > 0."""
    if not curve:
        return 1.0
    if k >= len(curve):
        return curve[-1]
    below = int(k)
    low = curve[below - 1] if below else 1.0
    return low + (k - below) * (curve[below] - low)


def sliced_speeds(loads: Sequence[float]) -> list[float]:
    """The speed of each job's work on one GPU (or its link) that processes share in time slices:
    one server, shared equally by the jobs that have work queued. A mean demand counts by its load.
    """
    total = sum(loads)
    return [1 / (1 + total - load) for load in loads]
