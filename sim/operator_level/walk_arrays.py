"""The arrays of the compiled walk. Numba is not imported here: code that makes them does not need
it."""

from __future__ import annotations

from typing import NamedTuple

from sim.operator_level.instruction_tables import Floats, Whole


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
    """The tables of :class:`sim.operator_level.instruction_tables.Programs`. ``then`` codes the end
    of an instruction: 4 x launches, + 1 if the host stops, + 2 at the place after the last.
    ``lane`` is that of each piece. ``host_s`` is the host work of a whole step, ``slowest`` the
    index of the walker with the longest step."""

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
