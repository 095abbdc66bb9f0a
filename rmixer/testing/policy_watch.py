"""Checks every answer of a policy before the books get it."""

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
"""The number of new objects used to decide if a different answer is random."""


class Watched(Policy):
    """Passes on a policy's answers after it checks that the same object and a new one from ``new``
    repeat them, and that the view is unchanged. ``decisions`` counts; ``slowest_s`` is the slowest
    one, each by the quicker of two calls, because the first may import modules."""

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
    """Everything in ``view``, by name."""
    contents = {f"job {name!r}": repr(job) for name, job in view.jobs.items()}
    contents |= {f"device {name!r}": repr(device) for name, device in view.devices.items()}
    return {**contents, "the queue": repr(list(view.queued))}
