"""An explanation: the limits of a predicted schedule, slowdowns in it, and possible changes."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.explaining.company import Company
from experiments.explaining.limits import Limits


@dataclass(frozen=True)
class Variant:
    """The effect of a change ``what`` on the makespan: ``change`` is its relative growth, below 0
    if it becomes shorter. If it cannot be simulated, it is None and ``why`` gives the reason."""

    what: str
    makespan_s: float | None = None
    change: float | None = None
    why: str = ""


@dataclass(frozen=True)
class Outlook:
    """The run simulated again by ``policy`` on the slots of ``cut``, at one ``level``, with one
    change each. ``stand_in`` says why the policy is not the run's own, if it is not. A search
    evaluated ``searched`` schedules each time (0: a policy decided)."""

    policy: str
    cut: str
    level: str
    makespan_s: float
    variants: tuple[Variant, ...]
    stand_in: str = ""
    searched: int = 0


@dataclass(frozen=True)
class Explanation:
    """The explanation of the prediction of ``workload`` on ``machine`` by ``policy``, on the slots
    and threads of ``cut``."""

    workload: str
    machine: str
    policy: str
    cut: str
    limits: Limits
    company: Company
    outlook: Outlook
