"""A workload made smaller, for a machine that is smaller than the one it was written for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from rmixer.errors import InputError, choice
from rmixer.workload.workload import Workload


@dataclass(frozen=True)
class Shrinking:
    """``steps_scale`` multiplies the steps of every job (at least one is left); ``batch_max``
    bounds its batch and ``rows_max`` the rows of its embedding tables; of a command job only its
    steps can be changed."""

    steps_scale: float = 1.0
    batch_max: int | None = None
    rows_max: int | None = None

    def apply(self, workload: Workload) -> Workload:
        """``workload`` so shrunk, under its own name."""
        return replace(
            workload,
            jobs=tuple(
                replace(
                    job,
                    steps=max(1, round(job.steps * self.steps_scale)),
                    batch=job.batch
                    if job.profile
                    else _least(job.batch, self.batch_max) or job.batch,
                    rows_cap=None
                    if job.command or job.profile
                    else _least(job.rows_cap, self.rows_max),
                )
                for job in workload.jobs
            ),
        )


def parse_shrinking(settings: Iterable[str]) -> Shrinking:
    """From ``key=value`` texts; raises :class:`InputError` for what cannot be meant."""
    values: dict[str, float | int] = {}
    names = [field.name for field in fields(Shrinking)]
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError("--set", "", repr(text), "key=value")
        if key not in names:
            raise InputError("--set", "", repr(key), choice(key, names))
        if key in values:
            raise InputError("--set", key, "twice", "once")
        values[key] = _scale(value) if key == "steps_scale" else _count(key, value)
    return Shrinking(**values)  # type: ignore[arg-type]


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0.0 < scale <= 1.0:
        raise InputError("--set", "steps_scale", repr(text), "a number > 0 and at most 1")
    return scale


def _count(key: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 2**31):
        raise InputError("--set", key, repr(text), "a whole number > 0")
    return int(text)


def _least(*bounds: int | None) -> int | None:
    """The smallest of those that are given."""
    return min((bound for bound in bounds if bound is not None), default=None)
