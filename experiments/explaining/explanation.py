"""What limits a predicted schedule, who slows whom in it, and what would change it."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.explaining.company import Company
from experiments.explaining.limits import Limits


@dataclass(frozen=True)
class Variant:
    """``what`` is changed, and what that makes of the makespan: ``change`` is how much longer it
    becomes, as a fraction, below 0 if it becomes shorter. One that cannot be simulated has None and
    says ``why``."""

    what: str
    makespan_s: float | None = None
    change: float | None = None
    why: str = ""


@dataclass(frozen=True)
class Outlook:
    """The run simulated again by ``policy`` on the slots of ``cut``, at one ``level``, and with one
    thing changed each. ``stand_in`` says why the policy is not the run's own, if it is not.
    ``searched`` is how many schedules a search judged each time, 0 for a policy."""

    policy: str
    cut: str
    level: str
    makespan_s: float
    variants: tuple[Variant, ...]
    stand_in: str = ""
    searched: int = 0


@dataclass(frozen=True)
class Explanation:
    """Of the prediction of ``workload`` on ``machine`` by ``policy``, on the slots and threads of
    ``cut``."""

    workload: str
    machine: str
    policy: str
    cut: str
    limits: Limits
    company: Company
    outlook: Outlook
