"""Stands between the books and a policy, and looks at every answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from rmixer.scheduling.asking import ask, ask_again_s, shown
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, Dispatch
from rmixer.testing.failures import ChangesView, KeepsState, NotDeterministic

T = TypeVar("T")
TRIED_AGAIN = 20
"""How many fresh objects tell whether it is chance that one answers otherwise."""


class Watched(Policy):
    """Passes on what a policy answers, if the same object answers it twice and a fresh one from
    ``new`` answers it too, and if the view is as before. ``decisions`` counts, ``slowest_s`` is
    what the slowest took; of each the quicker of both times counts, for the first may import."""

    name = "watched"

    def __init__(self, new: Callable[[], Policy]) -> None:
        self._new, self._policy = new, new()
        super().__init__(self._policy.seed)
        self.title, self.memory = self._policy.origin, self._policy.memory
        self.decisions, self.slowest_s = 0, 0.0

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        before = _contents(view)
        took_s = []

        def timed(policy: Policy) -> Sequence[Dispatch]:
            began_s = time.perf_counter()
            answer = ask(policy, view)
            took_s.append(time.perf_counter() - began_s)
            return answer

        answer = timed(self._policy)
        self._check_same("decide", answer, timed)
        self._check_unchanged(before, view)
        self.decisions += 1
        self.slowest_s = max(self.slowest_s, min(took_s))
        return answer

    def ask_again_s(self, view: ClusterView) -> float | None:
        before = _contents(view)
        wanted = ask_again_s(self._policy, view)
        self._check_same("ask_again_s", wanted, lambda policy: ask_again_s(policy, view))
        self._check_unchanged(before, view)
        return wanted

    def _check_same(self, method: str, answer: T, of: Callable[[Policy], T]) -> None:
        fresh = of(self._new())
        again = of(self._policy)
        if fresh == answer == again:
            return
        others = (of(self._new()) for _ in range(TRIED_AGAIN))
        if (other := next((each for each in others if each != fresh), fresh)) != fresh:
            raise NotDeterministic(
                f"{self.title}: {method} gives other answers to the same view with the same seed: "
                f"{shown(fresh)} and {shown(other)}. Draw from random.Random(self.seed) that you "
                "make anew in each decision; look at view.now_s, not at a clock; keep nothing in "
                "the class or the module"
            )
        one, said = (fresh, "a fresh object") if fresh != answer else (again, "the same object")
        raise KeepsState(
            f"{self.title}: {method} answered {shown(answer)}, and {said} {shown(one)} to the same "
            "view. It keeps something between decisions, which a resumed run would not have: "
            "derive it from the view (who runs where and since when, the tag of a dispatch)"
        )

    def _check_unchanged(self, before: dict[str, str], view: ClusterView) -> None:
        for name, now in _contents(view).items():
            if now != before[name]:
                raise ChangesView(
                    f"{self.title}: it changed {name} of the view, which the books and other "
                    "policies share. Copy what you change: dict(...), list(...), "
                    "device._replace(...)"
                )


def _contents(view: ClusterView) -> dict[str, str]:
    """All that ``view`` tells, by name."""
    contents = {f"job {name!r}": repr(job) for name, job in view.jobs.items()}
    contents |= {f"device {name!r}": repr(device) for name, device in view.devices.items()}
    return {**contents, "the queue": repr(list(view.queued))}
