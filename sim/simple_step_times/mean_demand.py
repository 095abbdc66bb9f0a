"""Step times by mean demand alone: rough and quick, to judge a schedule before mixes are solved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.step_times import Member, Mix
from sim.demand.contention import host_speeds, sliced_speeds
from sim.demand.resident import Resident, Residents
from sim.demand.segments import two_clocks_s

ROUNDS = 8


class MeanDemand:
    """:class:`rmixer.scheduling.step_times.StepTimes` in which each member feels the others' mean
    demand on the host and on its GPU, regardless of their segments."""

    def __init__(self, profiles: Mapping[str, ModelProfile], machine: Machine) -> None:
        self.residents = Residents(profiles, machine)
        self._known: dict[Mix, tuple[float, ...]] = {}
        self._made: dict[Member, tuple[Resident, float]] = {}

    def unit_s(self, mix: Mix) -> tuple[float, ...]:
        """For each member the seconds of its step or other phase, host and GPU each slowed by the
        others. Raises :class:`InputError` if a profile lacks figures."""
        known = self._known.get(mix)
        if known is None:
            known = self._known[mix] = self._unit_s(mix)
        return known

    def _unit_s(self, mix: Mix) -> tuple[float, ...]:
        made = [self._resident(member) for member in mix.members]
        residents = [resident for resident, _ in made]
        speeds = host_speeds([resident.steady for resident in residents])
        units = [alone_s / speed for (_, alone_s), speed in zip(made, speeds, strict=True)]
        on_gpu = [index for index, resident in enumerate(residents) if resident.gpu_load > 0]
        for device in sorted({residents[i].member.device for i in on_gpu}):
            here = [i for i in on_gpu if residents[i].member.device == device]
            found = _on_gpu([residents[i] for i in here], [speeds[i] for i in here])
            for index, unit_s in zip(here, found, strict=True):
                units[index] = unit_s
        return tuple(units)

    def _resident(self, member: Member) -> tuple[Resident, float]:
        """``member`` as a resident, and the seconds of its unit alone."""
        if member not in self._made:
            self._made[member] = self.residents.resident(member), self.residents.unit_s(member)
        return self._made[member]


def _on_gpu(residents: Sequence[Resident], host: Sequence[float]) -> list[float]:
    """Step times on one GPU. A slowed queue is longer in use and slows the others more, so some
    rounds follow that from each one's load alone."""
    loads = [resident.gpu_load for resident in residents]
    for _ in range(ROUNDS):
        slices = sliced_speeds(loads)
        units = [
            two_clocks_s(resident.step.segments, 1 / on_host, 1 / on_device)
            for resident, on_host, on_device in zip(residents, host, slices, strict=True)
        ]
        loads_then = [
            min(1.0, resident.step.gpu_s / on_device / unit_s)
            for resident, on_device, unit_s in zip(residents, slices, units, strict=True)
        ]
        if loads_then == loads:
            break
        loads = loads_then
    return units
