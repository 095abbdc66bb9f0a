"""The least demand of a job on a machine, whatever its neighbours do: columns of the lower
bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem, ProfiledJob
from rmixer.scheduling.step_times import Member
from sim.demand.contention import PRESSURE_MAX, HostDemand
from sim.demand.resident import ON_ONE_CORE, Residents, solo_unit_s
from sim.job_level.phases import phases_of
from sim.operator_level.instruction_tables import Floats

FINENESS = 256
"""Levels of busy cores in a core."""


@dataclass(frozen=True, eq=False)
class LeastDemand:
    """A job in one mode: on a ``kind`` of device with ``threads`` host threads.

    ``solo_s`` is all of it alone. Of that its cores work ``host_s`` and feel their neighbours, and
    one core works ``one_core_s`` and feels none. Its GPU works ``gpu_s``. ``load`` is the share of
    a training step's time for which its host works. ``slowdown`` is the least factor on host work
    by the number of busy cores, its own included: in steps of ``1 / FINENESS`` of a core, from 0 to
    all cores, and never falling.
    """

    kind: str
    threads: int
    solo_s: float
    host_s: float
    one_core_s: float
    gpu_s: float
    load: float
    slowdown: Floats


@dataclass(frozen=True, eq=False)
class JobClass:
    """Jobs with equal demands: their ids, and the modes that each may take."""

    ids: tuple[str, ...]
    modes: tuple[LeastDemand, ...]


def job_classes(problem: Problem, layout: Layout | None) -> list[JobClass]:
    """The jobs of ``problem``, grouped by equal demands, with all modes that are profiled for
    devices of the machine; with a ``layout`` only those that its slots have room for."""
    machine = problem.machine
    room: dict[str, int] = {}
    if layout is None:
        room.update((device.kind, len(machine.cores)) for device in machine.devices)
    for entry in layout.devices if layout is not None else ():
        room[entry.kind] = max(room.get(entry.kind, 0), entry.threads)
    together: dict[object, list[ProfiledJob]] = {}
    for each in problem.jobs:
        job = each.job
        alike = (each.key, job.steps, job.evaluate, job.save_every_s)
        together.setdefault(alike, []).append(each)
    sizes: dict[str, list[ProfiledJob]] = {}
    for each in problem.wide.jobs:
        sizes.setdefault(each.job.id, []).append(each)
    residents = Residents(problem.profiles, machine)
    curves: dict[tuple[str, str, int], Floats] = {}
    return [
        JobClass(
            tuple(each.job.id for each in like),
            tuple(
                _least_demand(each, kind, threads, (machine, residents, curves))
                for each in sizes[like[0].job.id]
                for kind, threads in _modes(each, room)
            ),
        )
        for like in together.values()
    ]


def _modes(each: ProfiledJob, room: dict[str, int]) -> list[tuple[str, int]]:
    known = {step.place for step in each.profile.steps}
    memory = {memory.device for memory in each.profile.memory}
    return sorted((k, t) for k, t in known if k in memory and t <= room.get(k, 0))


def _least_demand(
    each: ProfiledJob,
    kind: str,
    threads: int,
    known: tuple[Machine, Residents, dict[tuple[str, str, int], Floats]],
) -> LeastDemand:
    machine, residents, curves = known
    step = each.profile.step(kind, threads)
    amounts: dict[str, float] = {}
    for phase, amount, _ in phases_of(each, step):
        amounts[phase] = amounts.get(phase, 0.0) + amount
    seconds = {phase: amount * solo_unit_s(step, phase) for phase, amount in amounts.items()}
    solo_s = sum(seconds.values())
    one_core_s = sum(value for phase, value in seconds.items() if phase in ON_ONE_CORE)
    trained_s = seconds.get("train", 0.0)
    if each.profile.origin == "table":  # of a duration it is not known what works in it
        return LeastDemand(kind, threads, solo_s, 0.0, 0.0, 0.0, 0.0, np.ones(1))
    member = Member(each.key, "train", f"{kind}:0", machine.cores[:threads])
    resident = residents.resident(member)
    key = (each.key, kind, threads)
    if key not in curves:
        weights = [demand.weight for demand in resident.segment_demands]
        cores = len(machine.cores)
        curves[key] = least_slowdown(resident.steady, max([1.0, *weights]), cores)
    own = resident.step
    return LeastDemand(
        kind,
        threads,
        solo_s,
        solo_s - one_core_s - trained_s + trained_s * min(1.0, own.host_s / own.solo_s),
        one_core_s,
        trained_s * min(1.0, own.gpu_s / own.solo_s) if kind == "gpu" else 0.0,
        resident.steady.load,
        curves[key],
    )


def least_slowdown(demand: HostDemand, weight: float, cores: int) -> Floats:
    """The smallest slow-down of the host work of ``demand`` while K of ``cores`` cores are busy,
    with its own, for any neighbours and any memory weight up to ``weight``: for K = 0, 1 /
    FINENESS, ... cores. It is :func:`~sim.demand.contention.slowdown` at the most favourable
    pressure, and never larger than at a larger K: K or more busy cores cost at least that much."""
    own = len(demand.cores)
    levels = np.arange(cores * FINENESS + 1) / FINENESS
    others = np.clip(levels - own, 0.0, None)
    compute = _curve(demand.compute_slowdown, others)
    stream = _curve(demand.stream_slowdown, others)
    least = np.maximum(1.0, compute + np.minimum(0.0, PRESSURE_MAX * weight * (stream - compute)))
    return np.asarray(np.minimum.accumulate(least[::-1])[::-1])


def _curve(curve: Sequence[float], others: Floats) -> Floats:
    """``curve`` at each number of ``others``, as the contention model reads it."""
    if not curve:
        return np.ones_like(others)
    return np.interp(others, np.arange(len(curve) + 1), [1.0, *curve])
