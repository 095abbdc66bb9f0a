"""The step times of co-running jobs: the protocol between the two levels of the simulator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol


@dataclass(frozen=True)
class Member:
    """One job of a mix.

    ``identity`` is the key of a cost identity; ``phase`` one of build, warmup, train, evaluate,
    save; ``cores`` the host cores it is pinned to (its threads); ``device`` the place of its
    tensors; ``placement`` and ``sharing`` as in its dispatch.
    """

    identity: str
    phase: str
    device: str
    cores: tuple[int, ...]
    placement: str = "device"
    sharing: str = "process"

    @property
    def threads(self) -> int:
        """Host threads: one a core."""
        return len(self.cores)

    @cached_property
    def key(self) -> tuple[str, str, str, tuple[int, ...], str, str]:
        """A tuple of its fields to sort members by: a search compares them millions of times."""
        return (
            self.identity,
            self.phase,
            self.device,
            self.cores,
            self.placement,
            self.sharing,
        )

    @cached_property
    def _hash(self) -> int:
        return hash(self.key)

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True)
class Mix:
    """Members that run together on one machine. Step times are in the order of the members."""

    members: tuple[Member, ...]

    def canonical(self) -> tuple[Mix, tuple[int, ...]]:
        """The same mix with its cores renamed and its members sorted, so that mixes recur.

        Only the sharing of cores matters, not which cores they are. Returns the mix and, for each
        member of this one, its position in that one. (Members whose cores overlap only in part may
        have several canonical forms; all of them have the same sharing.)
        """
        groups = [self._renamed(group) for group in self._sharing_groups()]
        groups.sort(key=lambda group: [member.key for _, member in group])
        members: list[Member] = []
        position = [0] * len(self.members)
        next_core = 0
        for group in groups:
            for index, member in group:
                position[index] = len(members)
                cores = tuple(core + next_core for core in member.cores)
                members.append(replace(member, cores=cores))
            next_core += len({core for _, member in group for core in member.cores})
        return Mix(tuple(members)), tuple(position)

    def _sharing_groups(self) -> list[list[int]]:
        """The members by index, grouped by shared cores, directly or through others."""
        groups: list[tuple[set[int], list[int]]] = []
        for index, member in enumerate(self.members):
            cores, together = set(member.cores), [index]
            for group in [group for group in groups if group[0] & cores]:
                groups.remove(group)
                cores, together = cores | group[0], group[1] + together
            groups.append((cores, together))
        return [together for _, together in groups]

    def _renamed(self, group: list[int]) -> list[tuple[int, Member]]:
        """The members of one group, sorted, with their cores counted from 0."""

        def sorting(index: int) -> tuple[object, ...]:
            *same, cores, placement, sharing = self.members[index].key
            return (*same, len(cores), placement, sharing, sorted(cores))

        ordered = sorted(group, key=sorting)
        names: dict[int, int] = {}
        renamed = []
        for index in ordered:
            member = self.members[index]
            for core in sorted(member.cores):
                names.setdefault(core, len(names))
            cores = tuple(sorted(names[core] for core in member.cores))
            renamed.append((index, replace(member, cores=cores)))
        return renamed


class StepTimes(Protocol):
    """The times of a mix. Implementations are deterministic and remember results."""

    def unit_s(self, mix: Mix) -> tuple[float, ...]:
        """For each member in order, with these neighbours: seconds of a training step (phase
        ``train``), or seconds of the whole phase (every other phase)."""
