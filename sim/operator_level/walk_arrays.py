"""The arrays of the compiled walk. No numba here: who makes them need not import it."""

from __future__ import annotations

from typing import NamedTuple

from sim.operator_level.instruction_tables import Floats, Whole


class Host(NamedTuple):
    """What members ask of the host: on which cores they are, how many are their own, what share of
    the cores of j is outside of those of i at [j, i], the streams they equal, and their slow-downs
    beside k = 0, 1, … other cores with the rise to the next. ``apart``: none shares a core.
    ``pressing`` by member and ``filled`` by core are room to work in."""

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
    """``device`` is the GPU of each walker (-1: none of those in use), ``steady_load`` what the
    members of mean demand keep of each GPU at [GPU, member], ``steady_sum`` its sum."""

    device: Whole
    steady_load: Floats
    steady_sum: Floats


class Steps(NamedTuple):
    """The tables of :class:`sim.operator_level.instruction_tables.Programs`. ``then`` is what
    follows an instruction: 4 x launches, + 1 where the host stops, + 2 at the place after the
    last. ``lane`` is that of each piece. ``host_s`` is the host work of a whole step, ``slowest``
    the walker that is waited for."""

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
    """What was seen in each replication. ``made`` [2, members, replications] at the begin and the
    end of the measured time ``at_s`` [2, replications]: the steps of walkers, and seconds of mean
    demand's host work, those of its device work being in ``device_s``. Of each walker ``whole``
    steps in between (-1: none ended), from ``first_s`` to ``last_s``."""

    made: Floats
    device_s: Floats
    at_s: Floats
    whole: Whole
    first_s: Floats
    last_s: Floats
