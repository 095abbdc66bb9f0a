"""The demand of one member of a mix on the lanes: the link between profiles and the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property

from rmixer.errors import InputError
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile, StepCost
from rmixer.scheduling.step_times import Member
from sim.demand.contention import HostDemand, demand_of
from sim.demand.segments import MAX_SEGMENTS, StepSegments, step_segments


@cache
def device_kind(device: str) -> str:
    """Returns ``gpu`` for ``gpu:0`` and for ``name/gpu:0``."""
    return device.rpartition("/")[2].partition(":")[0]


def profile_of(profiles: Mapping[str, ModelProfile], identity: str) -> ModelProfile:
    """The profile of a cost identity's key; raises :class:`InputError` if there is none."""
    try:
        return profiles[identity]
    except KeyError:
        allowed = f"one of the {len(profiles)} profiles given: profile it first"
        raise InputError("profiles", identity, "nothing", allowed) from None


def step_cost(profiles: Mapping[str, ModelProfile], member: Member) -> StepCost:
    """The figures for a member's device and threads; raises :class:`InputError`."""
    profile = profile_of(profiles, member.identity)
    return profile.step(device_kind(member.device), member.threads)


def solo_unit_s(cost: StepCost, phase: str) -> float:
    """Seconds of one unit alone: of a training step with its share of stalls, of one save for a
    checkpoint, of the whole of any other phase."""
    if phase == "train":
        return cost.expected_us * 1e-6
    if phase == "checkpoint":
        return cost.save_s
    return float(getattr(cost, f"{phase}_s"))


ON_ONE_CORE = ("build", "checkpoint", "save")
"""The phases that more threads do not make shorter."""


@dataclass(frozen=True)
class Resident:
    """A member with its demands. ``segment_demands`` are those of its step's segments in order.
    ``steady`` is its mean demand, which holds in phases other than training too."""

    member: Member
    step: StepSegments
    segment_demands: tuple[HostDemand, ...]
    steady: HostDemand

    @property
    def training(self) -> bool:
        """True if it walks segments."""
        return self.member.phase == "train"

    @cached_property
    def gpu_load(self) -> float:
        """The share of its step for which it keeps a GPU busy."""
        return min(1.0, self.step.gpu_s / self.step.solo_s) if self.training else 0.0


def make_resident(member: Member, cost: StepCost, step: StepSegments, machine: Machine) -> Resident:
    """The demands of ``member`` whose step is ``step``. Warm-up and evaluation demand as much as a
    mean training step; building and saving demand one core only."""
    if member.phase in ON_ONE_CORE:
        return Resident(member, step, (), HostDemand(member.cores[:1]))
    load = min(1.0, step.host_s / step.solo_s) if member.phase == "train" else 1.0
    steady = demand_of(cost, member.cores, machine, load)
    weights = [segment.weight for segment in step.segments] if member.phase == "train" else []
    # Like segments share one demand, for speeds are remembered by the demands' identities.
    by_weight = {weight: replace(steady, weight=weight, load=1.0) for weight in set(weights)}
    return Resident(member, step, tuple(by_weight[weight] for weight in weights), steady)


class Residents:
    """Makes residents of members, and remembers the segments of each step."""

    def __init__(self, profiles: Mapping[str, ModelProfile], machine: Machine) -> None:
        self._profiles, self._machine = profiles, machine
        self._steps: dict[tuple[str, str, int, int], StepSegments] = {}

    def unit_s(self, member: Member) -> float:
        """The member's unit alone."""
        return solo_unit_s(step_cost(self._profiles, member), member.phase)

    def resident(self, member: Member, limit: int = MAX_SEGMENTS) -> Resident:
        """``member`` as a resident with at most ``limit`` segments a step; raises
        :class:`InputError` if figures are missing."""
        cost, kind = step_cost(self._profiles, member), device_kind(member.device)
        key = (member.identity, kind, member.threads, limit)
        if key not in self._steps and limit < MAX_SEGMENTS:
            self._steps[key] = self.resident(member).step.coarser(limit)
        elif key not in self._steps:
            profile = self._profiles[member.identity]
            self._steps[key] = step_segments(profile, kind, member.threads, limit)
        return make_resident(member, cost, self._steps[key], self._machine)
