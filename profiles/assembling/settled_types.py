"""Job types that do not flip with the batch: where the figures behind a type lie within their error
of a border (:func:`profiles.assembling.job_type.job_type`), the model's other sizes tell it.

The error of a utilisation is that of its step: half the 95% interval of its mean. The error of a
sensitivity is half the 95% interval of its readings. Profiles of earlier releases lack it: there it
is the largest difference to the next smaller and the next larger size. For a model of one size it
is the error of a ratio of two means, each as precise as its step. FLOPs and bytes are counted and
have no error.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from profiles.assembling.job_type import (
    BOUND_BY_MEMORY,
    LOW_UTILISATION,
    NOT_BOUND_BY_MEMORY,
    core_balance,
    job_type,
    memory_sensitivity,
)
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import JobType, Kind, ModelProfile, StepCost

_BETWEEN = (BOUND_BY_MEMORY + NOT_BOUND_BY_MEMORY) / 2


def settled(
    profile: ModelProfile, others: Iterable[ModelProfile], machine: Machine
) -> ModelProfile:
    """Returns ``profile`` of ``machine`` with ``doubtful_type`` set, and with doubtful types
    replaced: by the type of most batch sizes whose own type is not doubtful or, if all are, of most
    sizes. In a tie the largest size decides. Sizes are ``others`` (the same except for the batch)
    and the profile's own, unless it was predicted from them."""
    sizes = sorted([*others, profile], key=lambda each: each.identity.batch)
    doubtful = [kind for kind in profile.job_type if _is_doubtful(profile, kind, sizes, machine)]
    types = dict(profile.job_type)
    for kind in doubtful:
        measured = [each for each in sizes if kind in each.job_type and not each.predicted_from]
        clear = [each for each in measured if not _is_doubtful(each, kind, sizes, machine)]
        told = [each.job_type[kind] for each in clear or measured]
        counts = Counter(told)
        types[kind] = max(reversed(told), key=lambda each: counts[each], default=types[kind])
    return replace(profile, job_type=types, doubtful_type=tuple(doubtful))


def _is_doubtful(
    profile: ModelProfile, kind: Kind, sizes: Sequence[ModelProfile], machine: Machine
) -> bool:
    """True if figures that are wrong by their error would give another type on ``kind``."""
    busy, step = profile.utilisation.get(kind), _step(profile, kind)
    if busy is None or step is None:
        return False
    error = busy * step.half_width
    found: set[str] = set()
    if busy - error < LOW_UTILISATION:
        found.add("low")
    if busy + error >= LOW_UTILISATION:
        found |= _busy_types(profile, kind, step, sizes, machine)
    return len(found) > 1


def _busy_types(
    profile: ModelProfile,
    kind: Kind,
    step: StepCost,
    sizes: Sequence[ModelProfile],
    machine: Machine,
) -> set[JobType]:
    """The possible types of a step that is not low: on a GPU by the roofline alone."""
    known, sensitivity = profile.job_type[kind], _sensitivity(profile)
    if kind == "gpu":
        return {known if known != "low" else "memory"}
    if step.measurement is None and not sensitivity:
        return {known}
    intensity = math.inf if profile.intensity is None else profile.intensity
    balance = core_balance(machine, step.threads)
    if sensitivity is None:
        return {job_type(1.0, intensity, balance)}
    error = _error(profile, step, sensitivity, sizes)
    least, most = sensitivity - error, sensitivity + error
    inside = [_BETWEEN] if least < _BETWEEN < most else []
    return {job_type(1.0, intensity, balance, each) for each in (least, *inside, most)}


def _error(
    profile: ModelProfile, step: StepCost, sensitivity: float, sizes: Sequence[ModelProfile]
) -> float:
    """The error of the ``sensitivity`` to memory bandwidth, in either direction."""
    spread = step.measurement.sensitivity_half_width if step.measurement else None
    if spread is not None:
        return sensitivity * spread
    batch = profile.identity.batch
    known = {each.identity.batch: told for each in sizes if (told := _sensitivity(each))}
    next_to = [max((size for size in known if size < batch), default=None)]
    next_to.append(min((size for size in known if size > batch), default=None))
    apart = [abs(known[size] - sensitivity) for size in next_to if size is not None]
    return max(apart, default=sensitivity * math.hypot(*[step.half_width] * 2))


def _sensitivity(profile: ModelProfile) -> float | None:
    step = _step(profile, "cpu")
    return memory_sensitivity(step.compute_slowdown, step.stream_slowdown) if step else None


def _step(profile: ModelProfile, kind: Kind) -> StepCost | None:
    """The step with the fewest threads on ``kind``, which decides the type there."""
    steps = (step for step in profile.steps if step.device == kind)
    return min(steps, key=lambda step: step.threads, default=None)
