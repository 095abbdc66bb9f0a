"""Checks that refuse a run before anything starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

from rmixer.errors import InputError, RunFailed
from rmixer.hardware.machine import Machine
from rmixer.model_profile.device_cost import DeviceCost
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.view import MEMORY_MARGIN
from rmixer.workload.workload import Job, Workload

GIB = 1 << 30


def check_executable(workload: Workload) -> None:
    """Raises :class:`InputError` for a job that can only be simulated, because only an imported
    profile or a duration of it is known."""
    for job in workload.jobs:
        if job.durations:
            found = "a job of which a table of durations was given"
            allowed = "models: of a duration there is nothing that could be executed"
            raise InputError(f"workload {workload.name}", job.id, found, allowed)
        if job.profile:
            allowed = "models: of an imported profile there is nothing that could be executed"
            found = f"the imported profile {job.profile!r}"
            raise InputError(f"workload {workload.name}", job.id, found, allowed)


def check_memory(
    problem: Problem, layout: Layout, used_bytes: Mapping[str, int] | None = None
) -> None:
    """Raises :class:`InputError` for a job whose 1.2 x peak is not below the memory of any device
    of ``layout`` with a profile of it, less ``used_bytes`` that others hold and the contexts of the
    workers of its other slots."""
    where = f"workload {problem.workload.name}"
    held = Counter(used_bytes or {})
    held.update(idle_bytes(problem.jobs, layout))
    slots = {entry.device for entry in layout.devices}
    devices = [device for device in problem.machine.devices if device.name in slots]
    # Jobs of one profile need the same: the first of them is looked at.
    for each in {each.key: each for each in reversed(problem.jobs)}.values():
        job = each.job
        peaks = {memory.device: memory.peak_bytes for memory in each.profile.memory}
        needs = [
            (device, MEMORY_MARGIN * peaks[device.kind])
            for device in devices
            if device.kind in peaks
        ]
        if not needs:
            names = ", ".join(device.name for device in devices)
            known = " and ".join(sorted(peaks)) or "no device"
            if each.profile.origin == "table":
                found = f"a duration on {known}, and none on {names}"
                raise InputError(where, job.id, found, "a row for a device in use, or slots of it")
            found = f"a profile of {known}, without memory figures for {names}"
            remedy = (
                "a machine with its device (`--machine`)" if job.profile else "profile it there"
            )
            raise InputError(where, job.id, found, f"one for a device in use: {remedy}")
        free = {device.name: device.memory_bytes - held[device.name] for device in devices}
        if not any(need < free[device.name] for device, need in needs):
            found = "1.2 x peak memory of " + ", ".join(
                f"{need / GIB:.2f} GiB on {device.name}" for device, need in needs
            )
            memory = ", ".join(f"{d.name} has {free[d.name] / GIB:.2f} GiB" for d, _ in needs)
            raise InputError(where, job.id, found, f"less than a device in use has free: {memory}")


class Costed(Protocol):
    """A job with its costs by kind of device."""

    @property
    def job(self) -> Job: ...
    @property
    def costs(self) -> Mapping[str, DeviceCost]: ...


def context_bytes(jobs: Iterable[Costed]) -> int:
    """The bytes that a warm worker of a slot on a GPU holds there while it has no job: the driver's
    context. 0 if all ``jobs`` are programs, which have no warm workers."""
    models = (each.costs for each in jobs if each.job.command is None)
    return max((costs["gpu"].context_bytes for costs in models if "gpu" in costs), default=0)


def idle_bytes(jobs: Iterable[Costed], layout: Layout) -> dict[str, int]:
    """The bytes held on each GPU of ``layout`` while one job is alone there: by the workers of its
    other slots."""
    each_bytes = context_bytes(jobs)
    gpus = (entry for entry in layout.devices if entry.kind == "gpu")
    return {entry.device: (entry.slots - 1) * each_bytes for entry in gpus}


def check_peaks(summary: RunSummary, machine: Machine) -> None:
    """Raises :class:`RunFailed` if the jobs of a predicted run hold more at one time than a device
    has: a policy without a memory check may allow that."""
    memory = {device.name: device.memory_bytes for device in machine.devices}
    for device in summary.devices:
        if device.peak_bytes >= memory[device.name]:
            needs, has = device.peak_bytes / GIB, memory[device.name] / GIB
            raise RunFailed(
                f"out of memory: {needs:.2f} GiB on {device.name}, which has {has:.2f} GiB"
            )
