"""Shrinks a workload for a machine that is smaller than the one it was written for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from rmixer.errors import InputError
from rmixer.workload.real_training import Evaluation, LrSchedule
from rmixer.workload.workload import Workload


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
        return replace(
            workload,
            jobs=tuple(
                replace(
                    job,
                    steps=self._scaled(job.steps),
                    evaluate=self._evaluation(job.evaluate),
                    lr_schedule=self._lr_schedule(job.lr_schedule),
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

    def _scaled(self, steps: int) -> int:
        return max(1, round(steps * self.steps_scale))

    def _evaluation(self, evaluation: Evaluation | None) -> Evaluation | None:
        if evaluation is None or evaluation.every_steps is None:
            return evaluation
        return replace(evaluation, every_steps=self._scaled(evaluation.every_steps))

    def _lr_schedule(self, schedule: LrSchedule | None) -> LrSchedule | None:
        if schedule is None or not schedule.warmup_steps:
            return schedule
        return replace(schedule, warmup_steps=self._scaled(schedule.warmup_steps))


def shrinking_of(values: Mapping[str, str]) -> Shrinking:
    """Builds it from the given values of :func:`keys`; raises :class:`InputError`."""
    read: dict[str, float | int] = {
        key: _scale(text) if key == "steps_scale" else _count(key, text)
        for key, text in values.items()
    }
    return Shrinking(**read)  # type: ignore[arg-type]


def keys() -> tuple[str, ...]:
    """The settings of a workload that can be shrunk."""
    return tuple(field.name for field in fields(Shrinking))


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
    """The smallest bound that is not None."""
    return min((bound for bound in bounds if bound is not None), default=None)
