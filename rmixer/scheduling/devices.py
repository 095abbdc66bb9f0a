"""Decides which devices of a machine jobs run on; all other modules ask here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rmixer.hardware.machine import Device, Machine
from rmixer.model_profile.model_profile import ModelProfile


def devices_in_use(machine: Machine, profiles: Iterable[ModelProfile]) -> Machine:
    """``machine`` with only the devices that jobs with ``profiles`` run on: GPUs are kept if a
    profile has figures for one, else only the CPU."""
    on_gpus = any("gpu" in profile.costs() for profile in profiles)
    return machine if on_gpus else replace(machine, gpus=())


def devices_with_slots(machine: Machine) -> tuple[Device, ...]:
    """The devices of ``machine`` that jobs are placed on: its GPUs, or the CPU if there is none."""
    gpus = tuple(device for device in machine.devices if device.kind == "gpu")
    return gpus or machine.devices
