"""A job's evaluations while it trains: when they are due, and when they end it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rmixer.errors import RunFailed
from rmixer.workload.workload import Job


class Evaluations:
    """Those of ``job``, until it has made its last step."""

    def __init__(self, job: Job) -> None:
        self._job, self._every = job, job.evaluation.every_steps
        self._at: int | None = None
        """The steps that were made at the last one."""
        self._best: float | None = None
        self._in_vain = 0
        """How many in a row have bettered nothing."""
        self._last: dict[str, float] = {}

    def due(self, made: int) -> bool:
        """Whether the job is to be evaluated now, after ``made`` steps."""
        if self._every is None or made == self._at:
            return False
        return 0 < made < self._job.steps and made % self._every == 0

    def steps_until_due(self, made: int) -> int:
        """How many steps to make before the next one, or until the job is done."""
        left = self._job.steps - made
        return left if self._every is None else min(left, self._every - made % self._every)

    def add(self, made: int, found: Mapping[str, float]) -> None:
        """Take what one has ``found``. Raises :class:`RunFailed` if it has not the metric by which
        the job is stopped."""
        self._at, self._last, stop = made, dict(found), self._job.stop
        if stop is None:
            return
        if stop.metric not in found:
            has = ", ".join(found) or "nothing: no batches are held out"
            raise RunFailed(f"stop.metric: found {stop.metric!r}; this model has {has}")
        if stop.betters(found[stop.metric], self._best):
            self._best, self._in_vain = found[stop.metric], 0
        else:
            self._in_vain += 1

    @property
    def over(self) -> bool:
        """Whether the job stops early."""
        stop = self._job.stop
        return stop is not None and self._in_vain >= stop.patience

    def at(self, made: int) -> dict[str, float] | None:
        """What the evaluation after ``made`` steps has found, if the last was then."""
        return dict(self._last) if made == self._at else None

    def state(self) -> dict[str, Any]:
        """What a job that goes on later must know, in plain values."""
        return {"at": self._at, "best": self._best, "in_vain": self._in_vain, "last": self._last}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self._at, self._best = state["at"], state["best"]
        self._in_vain, self._last = state["in_vain"], dict(state["last"])
