"""Walks a whole schedule in compiled code between the events that SimPy's clock has to see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from math import ceil, inf, nextafter
from random import Random
from typing import Any

import numpy as np
from simpy import Environment, Event
from simpy.events import NORMAL, URGENT

from rmixer.files.typed_files import content_hash
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.step_times import Member
from sim.clock.instants import REFLOW, Once, timeout_until
from sim.clock.progress import Running
from sim.demand.resident import Resident, Residents
from sim.demand.segments import MAX_SEGMENTS
from sim.operator_level.compiled_whole_walk import (
    CHANGED,
    LAUNCH,
    TOLD,
    WAIT,
    WORK,
    advance,
)
from sim.operator_level.instruction_tables import LANES, Floats
from sim.operator_level.whole_walk_arrays import empty_walk


class CompiledWalkProgress:
    """Training walks its segments over the machine's lanes; every other phase is one stretch of
    host work. It is for short schedules, because its cost grows with steps. Random draws depend
    only on the member and on how many have begun before it.

    Phases are walked ahead to the end of one of them or to the next event of the clock, whichever
    is first, so nothing else can happen before the time that is reached.
    """

    def __init__(
        self,
        env: Environment,
        profiles: Mapping[str, ModelProfile],
        machine: Machine,
        layout: Layout,
    ) -> None:
        self._env, self._residents = env, Residents(profiles, machine)
        self._core = {core: at for at, core in enumerate(machine.cores)}
        self._server = {each.device: 1 + len(LANES) * at for at, each in enumerate(layout.devices)}
        self._walk = empty_walk(machine, layout, launches=2 * MAX_SEGMENTS)
        self._free = list(range(len(self._walk.walks.walks)))
        self._on = np.zeros(self._walk.host.cores.shape, np.bool_)
        self._programs: dict[tuple[str, str, int], tuple[int, int]] = {}
        self._begun = 0
        self._done: dict[int, Event] = {}
        self._pending: Event | None = None
        self._go_on = Once(env, NORMAL, lambda: self._advance(env.peek()))
        self._change = Once(env, REFLOW, lambda: self._advance(nextafter(env.now, inf)))

    def begin(self, member: Member, amount: float) -> Running:
        """See :class:`sim.clock.progress.Progress`."""
        resident, at = self._residents.resident(member), self._free.pop()
        self._done[at] = done = self._env.event()
        self._place(at, resident)
        if resident.training:
            self._prepare(at, resident, amount)
            Once(self._env, URGENT, lambda: self._begin(at)).ask()
            return Running(done, self._steps_made(at, resident, amount, done))
        work_s = amount * self._residents.unit_s(member)
        self._begin(at, work_s)

        def made() -> float:
            return amount if done.triggered else amount * self._worked_s(at) / work_s

        return Running(done, made)

    def _steps_made(
        self, at: int, resident: Resident, amount: float, done: Event
    ) -> Callable[[], float]:
        """Returns a function that counts the steps done so far; the present one counts by the share
        of its host work done."""
        walks, host_s = self._walk.walks, resident.step.host_s

        def made() -> float:
            if done.triggered:
                return float(ceil(amount))
            whole = float(walks.made[at])
            if host_s <= 0 or whole >= amount:
                return whole
            part_s = float(walks.host_made_s[at])
            if walks.works[at]:
                part_s += self._worked_s(at)
            return whole + min(1.0, part_s / host_s)

        return made

    def _worked_s(self, at: int) -> float:
        """Seconds done by now of the present host work."""
        (active, actives, since_s, *_), (_, made, rate), *_ = self._walk.lanes
        working = active[0, : actives[0]]
        elapsed_s = self._env.now - since_s[0]
        if elapsed_s > 0:
            made[0, working] += elapsed_s * rate[0, working]
            since_s[0] = self._env.now
        return float(made[0, at])

    def _begin(self, at: int, work_s: float = inf) -> None:
        """Begin host work, or a walk."""
        advance(self._arrays(), (float(self._env.now), inf, at, float(work_s)))
        counts = self._walk.lanes.servers.counts
        if counts[TOLD]:
            self._go_on.ask()
        if counts[CHANGED]:
            self._change.ask()

    def _advance(self, until_s: float) -> None:
        """Walks on, and comes back at the next time that the clock has to see."""
        ended, at_s = advance(self._arrays(), (float(self._env.now), float(until_s), -1, 0.0))
        if ended >= 0 and at_s <= self._env.now:
            self._end(ended)
        elif ended < 0 and self._walk.lanes.servers.counts[CHANGED]:
            self._change.ask()
        elif at_s < inf:
            self._pending = pending = timeout_until(self._env, at_s)
            assert pending.callbacks is not None
            pending.callbacks.append(lambda event: self._due(event, ended))

    def _due(self, event: Event, ended: int) -> None:
        if ended >= 0:
            self._end(ended)
        elif event is self._pending:  # nothing has begun since that would be due before
            self._advance(self._env.peek())

    def _end(self, at: int) -> None:
        """Reports that the phase has ended; other ends at this instant come after it."""
        self._done.pop(at).succeed()
        self._on[at] = False
        self._free.append(at)
        self._go_on.ask()

    def _place(self, at: int, resident: Resident) -> None:
        """Writes the demand of the member at this place on the host."""
        host, demands, steady = self._walk.host, self._walk.demands, resident.steady
        cores = [self._core[core] for core in steady.cores]
        host.cores[at, : len(cores)], host.own[at] = cores, len(cores)
        self._on[at, cores] = True
        host.outside[:, at] = (self._on & ~self._on[at]).sum(axis=1)
        host.outside[at] = (self._on[at] & ~self._on).sum(axis=1)
        demands.pressure[at], demands.weight[at] = steady.pressure, steady.weight
        _fill(demands.compute[at], steady.compute_slowdown)
        _fill(demands.stream[at], steady.stream_slowdown)
        self._walk.walks.walks[at] = self._walk.walks.works[at] = False

    def _prepare(self, at: int, resident: Resident, amount: float) -> None:
        """Writes the program of the member at this place and the steps that it is to do."""
        walks, programs, member = self._walk.walks, self._walk.programs, resident.member
        key = (member.identity, member.device, member.threads)
        if key not in self._programs:
            rows = list(_instructions(resident, self._server[member.device]))
            self._programs[key] = (len(programs.kinds), len(rows))
            columns = [np.array(column) for column in zip(*rows, strict=True)]
            together = map(np.concatenate, zip(programs[:4], columns, strict=True))
            programs = programs._replace(**dict(zip(programs._fields, together, strict=False)))
        programs.first[at], programs.length[at] = self._programs[key]
        self._begun += 1
        walks.drawn[at] = resident.step.gpu_s <= 0
        if walks.drawn[at]:
            draw = Random(int(content_hash([member, self._begun]), 16))
            begins = _begins(resident)
            draws = [begins[draw.randrange(len(begins))] for _ in range(ceil(amount))]
            more = max(0, len(draws) - walks.draws.shape[1])
            walks = walks._replace(draws=np.pad(walks.draws, ((0, 0), (0, more))))
            walks.draws[at, : len(draws)] = draws
        walks.walks[at], walks.steps[at] = True, amount
        # As at the end of a step before the first.
        walks.made[at], walks.place[at] = -1, programs.length[at] + 1
        self._walk = self._walk._replace(walks=walks, programs=programs)

    def _arrays(self) -> tuple[Any, ...]:
        """The whole walk in plain tuples."""
        walks, queues, programs, lanes, host, demands = self._walk
        servers, activities, timeouts, ring = lanes
        plain = (tuple(servers), tuple(activities), tuple(timeouts), ring)
        return tuple(walks), tuple(queues), tuple(programs), plain, tuple(host), tuple(demands)


def _instructions(resident: Resident, server: int) -> Iterator[tuple[int, float, float, int]]:
    """The instructions of a step: the kind
    of each, its seconds, the memory weight of host work, and the server of device work. ``server``
    is that of the first lane."""
    for segment, demand in zip(resident.step.segments, resident.segment_demands, strict=True):
        if segment.lane == "cpu":
            yield WORK, segment.host_s, demand.weight, 0
            continue
        on = server + LANES.index(segment.lane)
        yield WORK, segment.lead_s, demand.weight, 0
        yield LAUNCH, segment.device_s - segment.tail_s, 0.0, on
        if segment.launch_s > segment.lead_s:
            yield WORK, segment.launch_s - segment.lead_s, demand.weight, 0
        yield LAUNCH, segment.tail_s, 0.0, on
        yield WORK, segment.host_s - segment.launch_s, demand.weight, 0
        if segment.waits:
            yield WAIT, 0.0, 0.0, 0


def _begins(resident: Resident) -> list[int]:
    """The place of the first instruction of each segment."""
    lengths = [
        1 if s.lane == "cpu" else 4 + (s.launch_s > s.lead_s) + s.waits
        for s in resident.step.segments
    ]
    return list(accumulate(lengths[:-1], initial=0))


def _fill(row: Floats, curve: Sequence[float]) -> None:
    """Fills ``row`` with ``curve``, then with its last value; with 1 if the curve is empty."""
    known = [*curve[: len(row)]] or [1.0]
    row[: len(known)], row[len(known) :] = known, known[-1]
