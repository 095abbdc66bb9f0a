"""Step times without a contention model: for ablations and for replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from rmixer.errors import InputError
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.step_times import Member, Mix
from sim.demand.resident import device_kind, profile_of, solo_unit_s, step_cost


class Uncontended:
    """Every member is as fast as alone: no contention."""

    def __init__(self, profiles: Mapping[str, ModelProfile]) -> None:
        self._profiles = profiles

    def unit_s(self, mix: Mix) -> tuple[float, ...]:
        """The members' times alone; raises :class:`InputError` if a profile lacks figures."""
        return tuple(self._solo_s(member) for member in mix.members)

    def _solo_s(self, member: Member) -> float:
        return solo_unit_s(step_cost(self._profiles, member), member.phase)


class SumOfOperators(Uncontended):
    """A training step as the sum of its operators' own means: no gaps, not scaled to the step
    without the profiler, no contention. A command job, whose operators are unknown, takes its step
    alone."""

    def _solo_s(self, member: Member) -> float:
        profile = profile_of(self._profiles, member.identity)
        if member.phase != "train" or profile.identity.is_program:
            return super()._solo_s(member)
        on_cpu = device_kind(member.device) == "cpu"
        total_us = sum(
            row.mean_us
            for row in profile.operators
            if row.threads == member.threads and (row.lane == "cpu") == on_cpu
        )
        if total_us <= 0:
            found = f"none for {member.device} with {member.threads} threads"
            raise InputError(f"profile {profile.key}", "operators", found, "at least one")
        return total_us * 1e-6


class Recorded:
    """Measured durations: ``table`` gives each mix the unit of each member in its order."""

    def __init__(self, table: Mapping[Mix, Sequence[float]]) -> None:
        self._table: dict[Mix, tuple[float, ...]] = {}
        for mix, units in table.items():
            if len(units) != len(mix.members) or not all(isfinite(u) and u > 0 for u in units):
                allowed = f"a time > 0 for each of {len(mix.members)} members"
                raise InputError("recorded step times", _name(mix), tuple(units), allowed)
            canonical, position = mix.canonical()
            at = dict(zip(position, units, strict=True))
            self._table[canonical] = tuple(at[i] for i in range(len(units)))

    def unit_s(self, mix: Mix) -> tuple[float, ...]:
        """The recorded times; raises :class:`InputError` for a mix that was not recorded."""
        canonical, position = mix.canonical()
        units = self._table.get(canonical)
        if units is None:
            allowed = f"one of the {len(self._table)} recorded mixes"
            raise InputError("recorded step times", "mix", _name(mix), allowed)
        return tuple(units[at] for at in position)


def _name(mix: Mix) -> str:
    return " + ".join(f"{m.identity} {m.phase} on {m.device}/{m.threads}" for m in mix.members)
