"""Which devices of a machine jobs run on. All who need to know ask here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from rmixer.hardware.machine import Device, Machine
from rmixer.profile.profile import ModelProfile

Purpose = Literal["simulate", "execute"]


def devices_in_use(
    machine: Machine, purpose: Purpose, profiles: Iterable[ModelProfile] = ()
) -> Machine:
    """``machine`` with those of its devices alone that jobs with ``profiles`` run on.

    Jobs are simulated on GPUs if a profile has figures for one; those that have none run on the CPU
    alone. They are executed on the CPU: GPUs can be profiled and simulated, but not yet trained on.
    """
    on_gpus = purpose == "simulate" and any("gpu" in profile.costs() for profile in profiles)
    return machine if on_gpus else replace(machine, gpus=())


def devices_with_slots(machine: Machine) -> tuple[Device, ...]:
    """Of the devices of ``machine`` those that jobs are placed on: its GPUs, or the CPU where there
    is none."""
    gpus = tuple(device for device in machine.devices if device.kind == "gpu")
    return gpus or machine.devices
