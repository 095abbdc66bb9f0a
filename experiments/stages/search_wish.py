"""What is asked of a search, what it says meanwhile, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.schedule import Schedule
from rmixer.scheduling.wanted_slots import Wanted
from sim.planning.objective import Objective

SEARCH = "search"
"""The policy of a schedule that was searched for."""


@dataclass(frozen=True)
class SearchProgress:
    """How far a search is: its best schedule by the objective and rough step times, how far that is
    from the bound (None where that is 0), and how many schedules it has judged."""

    best_s: float
    gap: float | None
    evaluations: int
    elapsed_s: float


@dataclass(frozen=True)
class Asked:
    """What a user asks of a search: to last so many ``seconds``, 0 for none, or so many
    ``evaluations``; what the best schedule is best at; and whether it may change the ``batch`` of
    jobs."""

    seconds: float = 0.0
    evaluations: int | None = None
    objective: Objective = "makespan"
    batch: bool = False

    @property
    def any(self) -> bool:
        """Whether it is to search at all."""
        return self.seconds > 0 or self.evaluations is not None

    def settings(self, default: Asked) -> dict[str, object]:
        """What ``config.yaml`` says of it: nothing where it is the ``default``."""
        if self == default:
            return {}
        asked = {name: value for name, value in vars(self).items() if name != "batch"}
        return {"search": asked | ({"batch": True} if self.batch else {})}


@dataclass(frozen=True)
class SearchWish:
    """How long to search: for so many ``seconds``, or for so many ``evaluations`` where they are
    given, over so many ``processes`` (by default one a core), which ``told`` how far it is."""

    seconds: float = 15.0
    evaluations: int | None = None
    processes: int | None = None
    told: Callable[[SearchProgress], None] = lambda progress: None


def unheard(asked: Asked) -> AbstractContextManager[SearchWish | None]:
    """What is wished of a search that nobody hears of; None for no search."""
    return nullcontext(SearchWish(asked.seconds, asked.evaluations) if asked.any else None)


@dataclass(frozen=True)
class Searched:
    """The best schedule that was found, and how: ``makespan_s`` by the step times that confirmed
    it; whether a user broke off the search."""

    schedule: Schedule
    evaluations: int
    elapsed_s: float
    interrupted: bool


@dataclass(frozen=True)
class Setting:
    """What a search starts from: the cuts of the sweep, what was ``wanted`` of them, the policies
    ``tried``, best first, each on its layout, and what none can beat by the objective."""

    cuts: Sequence[Cut]
    wanted: Wanted
    tried: Sequence[tuple[str, Layout]]
    bound_s: float
    objective: Objective = "makespan"
