"""The base of every policy: settings, a seed, and one decision from one view."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.view import ClusterView, Dispatch, MemoryCheck

Figure = Literal["peak_bytes", "utilisation", "job_type"]
SETTLE_S = 1.0
"""A policy is asked again after this time while a GPU is still freeing memory."""


class Policy(ABC):
    """Decides which job starts where, under the simulated and the real clock alike.

    A policy keeps nothing between decisions but its settings and its seed: all else is derived from
    the view, so that a resumed run decides the same. It is called on every event until it returns
    no dispatch.

    A subclass sets ``name``; ``source``, its publication; ``needs``, the figures of a job that it
    reads besides its duration; ``memory``, the check of :meth:`DeviceView.fits` that the books
    enforce. The first sentence of its docstring is shown by `rmixer policies`. Its settings are the
    parameters of its ``__init__`` but the seed, all with defaults: whole numbers, numbers or words.
    """

    name: ClassVar[str]
    source: ClassVar[str] = ""
    needs: tuple[Figure, ...] = ()
    memory: MemoryCheck = "margin"
    heeds_priority: ClassVar[bool] = True
    """True if jobs of lower priority are hidden from it while others wait."""
    weighs_pairs: ClassVar[bool] = False
    """True if it weighs all pairs of waiting jobs: a sweep of a long queue has no time for that."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.title = ""

    @property
    def cuts_itself(self) -> bool:
        """True if it divides the machine in its own way and ignores the user's cut."""
        return type(self).layout is not Policy.layout

    @property
    def origin(self) -> str:
        """The name under which a run is filed, as ``job@device:key=value``; for a replayed plan the
        name of the policy that planned it."""
        return self.title or self.name

    def layout(self, machine: Machine, jobs: int, cut: Cut) -> Layout:
        """The slots on which this policy runs ``jobs`` jobs, if the user or a sweep asks for
        ``cut``. A policy with its own way to divide the machine ignores it, and a sweep then tries
        it once."""
        return cut.layout(machine)

    @abstractmethod
    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        """The jobs to start now; empty if nothing more should start before the next event."""

    def ask_again_s(self, view: ClusterView) -> float | None:
        """Seconds after which to ask again if nothing happens before; None: at the next event. It
        is called when :meth:`decide` has nothing more to start."""
        return SETTLE_S if any(device.settling for device in view.devices.values()) else None
