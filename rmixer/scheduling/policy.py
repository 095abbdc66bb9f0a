"""What every policy is: settings, a seed, and one decision from one view."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Layout, even_layout
from rmixer.scheduling.view import ClusterView, Dispatch


class Policy(ABC):
    """Decides who starts where, under the simulated and the real clock alike.

    A policy keeps nothing between decisions but its settings and its seed: all else is derived
    from the view, so that a resumed run decides the same. It is called on every event until it
    answers with no dispatch.
    """

    name: ClassVar[str]

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    @property
    def origin(self) -> str:
        """The name under which a run is filed: for a replayed plan, that of the policy that
        planned it."""
        return self.name

    def layout(self, machine: Machine, jobs: int, slots: int, threads: int) -> Layout:
        """The slots this policy runs ``jobs`` jobs on; ``slots`` and ``threads`` are the
        settings of a sweep. A policy that cuts the machine its own way takes no notice of them,
        and a sweep then tries it once."""
        return even_layout(machine, slots, threads)

    @abstractmethod
    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        """The jobs to start now; empty to wait for the next event."""
