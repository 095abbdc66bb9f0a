"""Merges a new profile with an older one of the same job, and says which thread counts it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from profiles.stored.provenance import HARDWARE, SOFTWARE, differences
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import Kind, MemoryCost, ModelProfile, StepCost
from rmixer.operators.operator_cost import OperatorCost
from rmixer.workload.workload import Job

Place = tuple[Kind, int]
"""A kind of device, and a count of host threads."""


def with_other_places(new: ModelProfile, old: ModelProfile | None) -> ModelProfile:
    """``new`` with those devices and thread counts of ``old``, of the same cost identity, that were
    not measured again; without these if hardware or software differ.

    Figures of the whole profile come from ``new``. Figures of the fewest threads come from the
    profile that has these, and the larger memory counts.
    """
    if old is None or differences(old.fingerprint, new.fingerprint, (*HARDWARE, *SOFTWARE)):
        return new
    measured = {step.place for step in new.steps}
    kept = {step.place for step in old.steps} - measured
    if not kept:
        return new
    warmup_steps = max(new.warmup_steps, old.warmup_steps)
    steps = [_warmed_up(step, warmup_steps - new.warmup_steps) for step in new.steps]
    steps += [
        _warmed_up(step, warmup_steps - old.warmup_steps)
        for step in old.steps
        if step.place in kept
    ]
    operators = [*new.operators, *(cost for cost in old.operators if _place_of(cost) in kept)]
    fewest = {kind: _with_fewest(kind, new, old) for kind, _ in measured | kept}
    main = fewest["cpu"] if "cpu" in fewest else next(iter(fewest.values()))
    others = dict.fromkeys((*new.fingerprint.shared_with, *old.fingerprint.shared_with))
    return replace(
        new,
        fingerprint=replace(new.fingerprint, shared_with=tuple(others)),
        steps=tuple(sorted(steps, key=attrgetter("place"))),
        operators=tuple(sorted(operators, key=_place_of)),
        memory=tuple(_larger_memory(kind, new, old) for kind in sorted(fewest)),
        warmup_steps=warmup_steps,
        flops=main.flops,
        bytes=main.bytes,
        intensity=main.intensity,
        bandwidth_gbps=main.bandwidth_gbps,
        utilisation={kind: fewest[kind].utilisation[kind] for kind in sorted(fewest)},
        job_type={kind: fewest[kind].job_type[kind] for kind in sorted(fewest)},
    )


def _place_of(cost: OperatorCost) -> Place:
    """The place of the step of an operator. The rows of a GPU's step are on its lane and the
    link."""
    return "cpu" if cost.lane == "cpu" else "gpu", cost.threads


def _warmed_up(step: StepCost, more: int) -> StepCost:
    """The step with ``more`` of its first steps in the warm-up, each as long as any."""
    return replace(step, warmup_s=step.warmup_s + more * step.mean_us * 1e-6)


def _with_fewest(kind: str, new: ModelProfile, old: ModelProfile) -> ModelProfile:
    """The profile whose step on ``kind`` has the fewest threads; ``new`` if both have equally
    many."""

    def threads(profile: ModelProfile) -> float:
        return min((s.threads for s in profile.steps if s.device == kind), default=float("inf"))

    return min((new, old), key=threads)


def _larger_memory(kind: str, new: ModelProfile, old: ModelProfile) -> MemoryCost:
    known = [cost for profile in (new, old) for cost in profile.memory if cost.device == kind]
    return max(known, key=lambda cost: cost.peak_bytes)


def lacking_counts(
    profile: ModelProfile | None,
    job: Job,
    machine: Machine,
    threads: Sequence[int],
    neighbours: bool,
) -> tuple[int, ...]:
    """The thread counts that must still be measured: missing on a device of ``machine`` that fits
    ``job``, or measured without ``neighbours`` although a core was free. All if ``profile`` is
    None."""
    if profile is None:
        return tuple(threads)
    known = {
        step.place
        for step in profile.steps
        if step.compute_slowdown or not neighbours or step.threads >= len(machine.cores)
    }
    held = [kind for kind in _kinds(job, machine) if kind not in profile.does_not_fit]
    return tuple(count for count in threads if any((kind, count) not in known for kind in held))


def _kinds(job: Job, machine: Machine) -> tuple[str, ...]:
    """The kinds of devices in a profile of ``job``: one for a program, each for a model."""
    if job.command is not None:
        return ("gpu",) if job.command.gpus else ("cpu",)
    return ("cpu", "gpu") if machine.gpus else ("cpu",)
