"""Finds the wanted thread counts that a profile lacks."""

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
    """The thread counts that must still be measured: missing on a device of ``machine`` that fits
    ``job``, or measured without ``neighbours`` although a core was free. All if ``profile`` is
    None."""
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
    """The kinds of devices in a profile of ``job``: one for a program, each for a model."""
    if job.command is not None:
        return ("gpu",) if job.command.gpus else ("cpu",)
    return ("cpu", "gpu") if machine.gpus else ("cpu",)
