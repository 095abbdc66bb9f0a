"""Shrinks a workload for a machine that is smaller than the one it was written for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rmixer.errors import InputError
from rmixer.hardware.what_if import number
from rmixer.workload.rebatching import in_steps
from rmixer.workload.workload import Job, Workload


@dataclass(frozen=True)
class Shrinking:
    """``steps_scale`` multiplies the steps of every job (at least one is left), the steps between
    evaluations, and those in which its learning rate rises. ``batch_max`` limits its batch and
    ``rows_max`` the rows of its embedding tables. For a command job only its steps can be changed.
    """

    steps_scale: float = 1.0
    batch_max: int | None = None
    rows_max: int | None = None

    def apply(self, workload: Workload) -> Workload:
        """Returns the shrunk ``workload``, under its own name."""
        return replace(workload, jobs=tuple(map(self._shrunk, workload.jobs)))

    def _shrunk(self, job: Job) -> Job:
        batch, rows_cap = _least(job.batch, self.batch_max), _least(job.rows_cap, self.rows_max)
        return replace(
            in_steps(job, self._scaled(job.steps), self._scaled),
            batch=job.batch if job.profile else batch or job.batch,
            rows_cap=None if job.command or job.profile else rows_cap,
        )

    def _scaled(self, steps: int) -> int:
        return max(1, round(steps * self.steps_scale))


def shrinking_of(values: Mapping[str, str]) -> Shrinking:
    """Builds it from given values of :data:`KEYS`; raises :class:`InputError`."""
    return Shrinking(**{key: KEYS[key](key, text) for key, text in values.items()})


def _count(key: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 2**31):
        raise InputError("--set", key, repr(text), "a whole number > 0")
    return int(text)


def _least(*bounds: int | None) -> int | None:
    """The smallest bound that is not None."""
    return min((bound for bound in bounds if bound is not None), default=None)


KEYS: dict[str, Callable[[str, str], Any]] = {
    "steps_scale": number(1.0),
    "batch_max": _count,
    "rows_max": _count,
}
"""The settings of a workload that can be shrunk, and how each is read."""
