"""The inputs of a prediction for a supposed machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rmixer.errors import InputError
from rmixer.hardware.machine import Machine
from rmixer.hardware.what_if import WhatIf
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.devices import devices_in_use
from sim.demand.faster_gpu import with_gpu_speed
from sim.demand.more_cores import last_slope, with_more_cores


def supposed(
    what_if: WhatIf,
    machine: Machine,
    profiles: Mapping[str, ModelProfile],
    report: Callable[[str], None],
) -> tuple[Machine, dict[str, ModelProfile]]:
    """``machine`` and its ``profiles`` with the changes of ``what_if``; ``report`` gets each
    assumption as a line. Raises :class:`InputError` for impossible changes of ``machine``, and for
    GPUs without figures in a profile."""
    found = what_if.machine_of(machine)
    changed = dict(profiles)
    if not what_if.settings:
        return found, changed
    _check_gpus(what_if, machine, profiles)
    report(f"what if: {found.name} is simulated; it was never measured")
    lines = what_if.assumed(machine)
    own, cores = len(machine.cores), len(found.cores)
    if cores > own:
        lines += _of_slow_downs(profiles, own)
        changed = {key: with_more_cores(each, own, cores) for key, each in changed.items()}
    if what_if.gpu_speed is not None:
        gpu, speed = machine.gpus[0], what_if.gpu_speed
        changed = {key: with_gpu_speed(each, gpu, speed) for key, each in changed.items()}
        lines.append(_of_speed(speed, profiles, changed))
    for line in lines:
        report(f"what if: {line}")
    return found, changed


def _check_gpus(what_if: WhatIf, machine: Machine, profiles: Mapping[str, ModelProfile]) -> None:
    wanted = [key for key, value in what_if.settings.items() if "gpu" in key and value]
    if wanted and not devices_in_use(machine, profiles.values()).gpus:
        without = [key for key, profile in profiles.items() if "gpu" not in profile.costs()]
        found = f"no profile of {', '.join(without)} on a GPU"
        raise InputError("--set", wanted[0], found, "a workload that was profiled on a GPU")


def _of_slow_downs(profiles: Mapping[str, ModelProfile], own: int) -> list[str]:
    """Lines about assumptions for steps next to more cores than the machine's ``own``."""
    slopes = {
        key: max(last_slope(step, own) for step in profile.steps)
        for key, profile in profiles.items()
    }
    steepest = max(slopes, key=lambda key: slopes[key])
    lines = [
        "steps with more busy neighbour cores than were measured: their slow-down goes on with the "
        f"last slope, at most {slopes[steepest]:.2g} of a step a core ({steepest})"
    ]
    without = {
        step.threads
        for profile in profiles.values()
        for step in profile.steps
        if not (step.compute_slowdown and step.stream_slowdown)
    }
    if without:
        counts = ", ".join(map(str, sorted(without)))
        lines.append(
            f"steps with {counts} threads, of which no slow-down was measured: they are slowed as "
            "core_capacity says, and slow no other step by streaming"
        )
    return lines


def _of_speed(
    speed: float, before: Mapping[str, ModelProfile], after: Mapping[str, ModelProfile]
) -> str:
    """A line about the effect of a GPU of ``speed`` on steps alone."""
    gains = {
        key: old.expected_us / new.expected_us
        for key, profile in before.items()
        for old, new in zip(profile.steps, after[key].steps, strict=True)
        if old.device == "gpu"
    }
    least, most = (pick(gains, key=lambda key: gains[key]) for pick in (min, max))
    return (
        f"GPUs {speed:g} times as fast: kernels and copies take 1/{speed:g} of their time, the "
        f"host what it took; steps alone become {gains[least]:.2f} ({least}) to {gains[most]:.2f} "
        f"({most}) times as fast"
    )
