"""The arrays of a compiled whole walk. Numba is not imported here: code that makes them does not
need it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Layout
from sim.demand.contention import PRESSURE_MAX
from sim.operator_level.instruction_tables import LANES, Flags, Floats, Whole


class Walks(NamedTuple):
    """By member: does it walk; is host work of it under way; instructions of this step done, from
    ``turn`` on; steps done and to do; seconds of this step's host work that have ended; the place
    where each of its steps begins [members, steps], if that is drawn."""

    walks: Flags
    works: Flags
    place: Whole
    turn: Whole
    made: Whole
    steps: Floats
    host_made_s: Floats
    draws: Whole
    drawn: Flags


class Queues(NamedTuple):
    """By member: does its host wait for its queue; has the queue work; the launches that wait in
    it, from ``head`` to ``tail``, by their rows of the programs."""

    waits: Flags
    queued: Flags
    rows: Whole
    head: Whole
    tail: Whole


class Programs(NamedTuple):
    """Instructions of steps, one program after the other: kind, seconds, memory weight and server
    of each. By member: its program's first row and length."""

    kinds: Whole
    amounts: Floats
    weights: Floats
    servers: Whole
    first: Whole
    length: Whole


class Servers(NamedTuple):
    """Server 0 is the host; a GPU and its link follow for each device. By server: the active
    members in order of start [servers, members] and their number; the time up to which ``made`` is
    right; has it changed in this instant. ``changed`` lists those that have, in order. For
    ``counts`` see :mod:`sim.operator_level.compiled_whole_walk`."""

    active: Whole
    actives: Whole
    since_s: Floats
    has_changed: Flags
    changed: Whole
    counts: Whole


class Activities(NamedTuple):
    """Seconds of work, seconds done, and seconds done a second, on the host and on a device: [2,
    members]."""

    work: Floats
    made: Floats
    rate: Floats


class Timeouts(NamedTuple):
    """By server: the time at which its next work ends, the number of the change that set it, the
    members whose work ends then [servers, members], and their number."""

    due_s: Floats
    number: Whole
    due: Whole
    dues: Whole


class Lanes(NamedTuple):
    """The servers, their activities, and the ring of ends to be reported in this instant."""

    servers: Servers
    activities: Activities
    timeouts: Timeouts
    ring: Whole


class Host(NamedTuple):
    """By member: the cores that it is pinned to [members, cores], and their number. ``members_on``
    is how many members work on each core; ``outside[j, i]`` how many cores of j are not cores of i.
    """

    cores: Whole
    own: Whole
    members_on: Whole
    outside: Whole


class Demands(NamedTuple):
    """By member: pressure in streams, the memory weight of its present host work, and its
    slow-downs while k = 1, 2, … other cores compute or stream [members, cores]."""

    pressure: Floats
    weight: Floats
    compute: Floats
    stream: Floats
    most_streams: float


class WholeWalk(NamedTuple):
    """The arrays of a walk, for as many members at once as there are slots."""

    walks: Walks
    queues: Queues
    programs: Programs
    lanes: Lanes
    host: Host
    demands: Demands


def empty_walk(machine: Machine, layout: Layout, launches: int) -> WholeWalk:
    """A walk in which no member has begun yet. None launches more than ``launches`` times a
    step."""
    members = sum(device.slots for device in layout.devices)
    servers, cores = 1 + len(LANES) * len(layout.devices), len(machine.cores)

    def whole(*shape: int) -> Whole:
        return np.zeros(shape, np.int64)

    def flags(count: int) -> Flags:
        return np.zeros(count, np.bool_)

    def by_member() -> tuple[Whole, Whole]:
        return whole(members), whole(members)

    return WholeWalk(
        Walks(
            *(flags(members), flags(members), *by_member(), whole(members)),
            *(np.zeros(members), np.zeros(members), whole(members, 0), flags(members)),
        ),
        Queues(flags(members), flags(members), whole(members, launches), *by_member()),
        Programs(whole(0), np.zeros(0), np.zeros(0), whole(0), *by_member()),
        Lanes(
            Servers(
                *(whole(servers, members), whole(servers), np.zeros(servers), flags(servers)),
                *(whole(servers), whole(5)),
            ),
            Activities(np.zeros((2, members)), np.zeros((2, members)), np.zeros((2, members))),
            Timeouts(
                np.full(servers, np.inf), whole(servers), whole(servers, members), whole(servers)
            ),
            whole(4 * members + 1, 2),
        ),
        Host(whole(members, cores), whole(members), whole(cores), whole(members, members)),
        Demands(
            pressure=np.zeros(members),
            weight=np.ones(members),
            compute=np.ones((members, cores)),
            stream=np.ones((members, cores)),
            most_streams=PRESSURE_MAX,
        ),
    )
