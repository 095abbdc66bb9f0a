"""Checks that profiles come from the hardware and software for which they will be used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import fields

from profiles.machines.gpu_meter import driver_version
from rmixer.display.printable import few
from rmixer.hardware.fingerprint import Fingerprint, take_fingerprint
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.workload.cost_identity import CostIdentity

HARDWARE = ("hardware", "driver")
SOFTWARE = ("python", "torch", "rmixer", "training")
"""The fields that are compared. The commit is not: changes of a step's cost are in its identity."""
_OTHER = {"source": "other code", "data": "other data"}
_SETTING = {"config": "configuration", "rows_cap": "cap of rows"}
"""Names of fields of a cost identity in messages."""


def apart_in_words(old: CostIdentity, now: CostIdentity) -> str:
    """Names the fields that differ: ``was profiled with other code and another configuration``."""
    differing = [f.name for f in fields(old) if getattr(old, f.name) != getattr(now, f.name)]
    words = [_OTHER[name] for name in differing if name in _OTHER]
    settings = [_SETTING.get(name, name) for name in differing if name not in _OTHER]
    if settings:
        words.append(f"another {' and '.join(settings)}")
    return f"was profiled with {' and '.join(words)}"


def differences(recorded: Fingerprint, now: Fingerprint, names: Iterable[str]) -> tuple[str, ...]:
    """``torch 2.12.0 instead of 2.13.0`` for each of ``names`` that differs; an unknown value is
    not compared."""
    pairs = ((name, getattr(recorded, name), getattr(now, name)) for name in names)
    known = ((name, old, new) for name, old, new in pairs if old and new)
    return tuple(f"{name} {old} instead of {new}" for name, old, new in known if new != old)


def report_provenance(
    profiles: Iterable[ModelProfile],
    machine: Machine,
    is_this_one: bool,
    report: Callable[[str], None],
) -> None:
    """Reports ``profiles`` made on other hardware than ``machine`` has or, if ``is_this_one``, by
    other software than this process runs; and those measured while other runs used the same cores.
    """
    profiles = list(profiles)
    _report_shared(profiles, machine, report)
    recorded = machine.fingerprint
    now = take_fingerprint(recorded.hardware, driver_version()) if is_this_one else recorded
    names = (*HARDWARE, *SOFTWARE) if is_this_one else HARDWARE
    by_difference: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for profile in profiles:
        if profile.origin == "measured":
            found = differences(profile.fingerprint, now, names)
            by_difference[found].append(profile.key)
    for found, keys in by_difference.items():
        if found:
            report(f"{few(keys, 1)}: profiled with {', '.join(found)}")


def _report_shared(
    profiles: Iterable[ModelProfile], machine: Machine, report: Callable[[str], None]
) -> None:
    marks = {f"machine {machine.name}": (machine.fingerprint, "rmixer machine")}
    marks |= {profile.key: (profile.fingerprint, "rmixer profile run") for profile in profiles}
    for what, (fingerprint, command) in marks.items():
        if others := ", ".join(fingerprint.shared_with):
            report(f"{what}: measured while {others} used the same cores (`{command} --again`)")
