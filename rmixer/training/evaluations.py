"""A job's evaluations while it trains: their times, and early stopping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rmixer.errors import RunFailed
from rmixer.workload.workload import Job


class Evaluations:
    """The evaluations of ``job`` before its last step."""

    def __init__(self, job: Job) -> None:
        self._job, self._every = job, job.evaluation.every_steps
        self._at: int | None = None
        """The number of steps at the last evaluation."""
        self._best: float | None = None
        self._in_vain = 0
        """The number of evaluations in a row without improvement."""
        self._last: dict[str, float] = {}

    def due(self, made: int) -> bool:
        """True if the job should be evaluated now, after ``made`` steps."""
        if self._every is None or made == self._at:
            return False
        return 0 < made < self._job.steps and made % self._every == 0

    def steps_until_due(self, made: int) -> int:
        """The number of steps to the next one, or to the end of the job."""
        left = self._job.steps - made
        return left if self._every is None else min(left, self._every - made % self._every)

    def add(self, made: int, found: Mapping[str, float]) -> None:
        """Adds the result ``found`` of one. Raises :class:`RunFailed` if it lacks the metric that
        stops the job."""
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
        """True if the job stops early."""
        stop = self._job.stop
        return stop is not None and self._in_vain >= stop.patience

    def at(self, made: int) -> dict[str, float] | None:
        """The result of the evaluation after ``made`` steps, if that was the last one; else
        None."""
        return dict(self._last) if made == self._at else None

    def state(self) -> dict[str, Any]:
        """The state that a resumed job needs, in plain values."""
        return {"at": self._at, "best": self._best, "in_vain": self._in_vain, "last": self._last}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores the result of :meth:`state`."""
        self._at, self._best = state["at"], state["best"]
        self._in_vain, self._last = state["in_vain"], dict(state["last"])
