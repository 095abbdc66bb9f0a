"""Versions of all that a check's figures depend on."""

from __future__ import annotations

import importlib.metadata
import platform

from profiles.machines.gpu_meter import driver_version
from rmixer.hardware.fingerprint import take_fingerprint
from rmixer.hardware.machine import Machine

PACKAGES = ("numpy", "scipy", "simpy", "click", "pydantic", "PyYAML", "psutil", "rich", "numba")


def versions_of(machine: Machine | None) -> dict[str, str]:
    """Versions by name of everything installed; the hardware once it is known."""
    import torch

    here = take_fingerprint("" if machine is None else machine.fingerprint.hardware)
    found = {
        "hardware": here.hardware or "not known",
        "system": here.system,
        "driver": driver_version() or "none",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda or "none",
        "cudnn": str(torch.backends.cudnn.version() or "none"),
        "rmixer": f"{here.rmixer}, commit {here.commit or 'unknown'}",
    }
    return found | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"
