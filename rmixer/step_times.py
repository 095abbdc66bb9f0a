"""How fast jobs step together: the protocol between the two levels of the simulator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True, order=True)
class Member:
    """One resident of a mix.

    ``identity`` is the key of a cost identity; ``phase`` one of build, warmup, train, evaluate,
    save; ``cores`` the host cores it is pinned to (its threads); ``device`` where its tensors
    live; ``placement`` and ``sharing`` as its dispatch gave them.
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


@dataclass(frozen=True)
class Mix:
    """Members that run together on one machine; the order says whose step time is whose."""

    members: tuple[Member, ...]

    def canonical(self) -> tuple[Mix, tuple[int, ...]]:
        """The same mix with its cores renamed and its members sorted, so that mixes recur.

        Only who shares cores with whom matters, not which cores they are. Returns the mix and,
        for each member of this one, its position in that one.
        """
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, member in enumerate(self.members):
            groups.setdefault(member.cores, []).append(index)
        ordered = sorted(
            groups.values(),
            key=lambda group: sorted(_without_cores(self.members[i]) for i in group),
        )
        members: list[Member] = []
        position = [0] * len(self.members)
        next_core = 0
        for group in ordered:
            threads = self.members[group[0]].threads
            cores = tuple(range(next_core, next_core + threads))
            next_core += threads
            for index in sorted(group, key=lambda i: _without_cores(self.members[i])):
                position[index] = len(members)
                members.append(replace(self.members[index], cores=cores))
        return Mix(tuple(members)), tuple(position)


def _without_cores(member: Member) -> tuple[str, str, str, int, str, str]:
    return (
        member.identity,
        member.phase,
        member.device,
        member.threads,
        member.placement,
        member.sharing,
    )


class StepTimes(Protocol):
    """Mix in, time out. Implementations are deterministic and memoise."""

    def unit_s(self, mix: Mix) -> tuple[float, ...]:
        """For each member in order: seconds a training step takes it in this company (phase
        ``train``), or seconds the whole phase would take it (every other phase)."""
        ...
