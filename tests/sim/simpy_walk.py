"""Walks a whole schedule by SimPy, step by step: what the compiled walk must agree with."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from simpy import Environment
from simpy_lanes import Lanes, Walker

from rmixer.files.typed_files import content_hash
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.step_times import Member
from sim.clock.progress import Running
from sim.demand.resident import Residents


class WalkProgress:
    """Training walks its segments over the machine's lanes; every other phase is one stretch of
    host work. It is for short schedules, because its cost grows with steps. Random draws depend
    only on the member and on how many have begun before it."""

    def __init__(
        self, env: Environment, profiles: Mapping[str, ModelProfile], machine: Machine
    ) -> None:
        self._lanes = Lanes(env)
        self._residents = Residents(profiles, machine)
        self._begun = 0

    def begin(self, member: Member, amount: float) -> Running:
        """See :class:`sim.clock.progress.Progress`."""
        resident = self._residents.resident(member)
        if resident.training:
            self._begun += 1
            draw = Random(int(content_hash([member, self._begun]), 16))
            walker = Walker(self._lanes, resident, steps=amount, draw=draw)
            return Running(walker.done, walker.made)
        work_s = amount * self._residents.unit_s(member)
        activity = self._lanes.host.start(resident.steady, work_s)

        def made() -> float:
            self._lanes.host.settle()
            return amount * activity.made / work_s

        return Running(activity.done, made)
