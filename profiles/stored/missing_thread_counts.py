"""What a profile lacks of the counts of threads that are wanted of it."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.workload.workload import Job


def lacking_counts(
    profile: ModelProfile | None,
    job: Job,
    machine: Machine,
    threads: Sequence[int],
    neighbours: bool,
) -> tuple[int, ...]:
    """Those of ``threads`` that ``profile`` has not on every kind of device of ``machine`` that
    holds ``job``, or not beside ``neighbours`` where a core is left for one; all where there is
    none."""
    if profile is None:
        return tuple(threads)
    known = {
        (step.device, step.threads)
        for step in profile.steps
        if step.compute_slowdown or not neighbours or step.threads >= len(machine.cores)
    }
    held = [kind for kind in _kinds(job, machine) if kind not in profile.does_not_fit]
    return tuple(count for count in threads if any((kind, count) not in known for kind in held))


def _kinds(job: Job, machine: Machine) -> tuple[str, ...]:
    """What a profile of ``job`` is of: a program runs on one kind of device, a model on each."""
    if job.command is not None:
        return ("gpu",) if job.command.gpus else ("cpu",)
    return ("cpu", "gpu") if machine.gpus else ("cpu",)
