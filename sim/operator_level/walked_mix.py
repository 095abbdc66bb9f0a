"""A mix to be walked, with the tables that the walk reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim.demand.contention import Background
from sim.demand.resident import Resident
from sim.operator_level.gpu_table import gpu_table
from sim.operator_level.host_table import MOST_WALKERS, host_table
from sim.operator_level.instruction_tables import Floats, Programs
from sim.operator_level.walk_arrays import Gpus, Host


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
