"""The part of a machine that a run may use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rmixer.display.quantities import size
from rmixer.errors import InputError
from rmixer.hardware.machine import Machine

_UNITS = {"MiB": 1 << 20, "GiB": 1 << 30, "MB": 10**6, "GB": 10**9}


@dataclass(frozen=True)
class Allowance:
    """Limits on the use of a machine. ``cores`` lists the usable ones (None: all); of these the
    last ``free_cores`` stay free, and ``free_bytes`` of the memory. ``gpus`` lists the usable ones
    by number (None: all)."""

    cores: tuple[int, ...] | None = None
    free_cores: int = 0
    free_bytes: int = 0
    gpus: tuple[int, ...] | None = None

    def measured(self, machine: Machine) -> Machine:
        """The part of ``machine`` to be profiled: all of it, without GPUs if none may be used.
        Raises as :meth:`of`, before anything is measured."""
        self.of(machine)
        return replace(machine, gpus=()) if self.gpus == () else machine

    def of(self, machine: Machine) -> Machine:
        """``machine`` with what may be used of it. Raises as :meth:`check`."""
        self.check(machine.cores, machine.memory_bytes, len(machine.gpus), machine.name)
        return replace(
            machine,
            cores=self._left(machine.cores),
            memory_bytes=machine.memory_bytes - self.free_bytes,
            gpus=machine.gpus
            if self.gpus is None
            else tuple(replace(machine.gpus[number], number=number) for number in self.gpus),
        )

    def check(
        self, cores: Sequence[int], memory_bytes: int, gpus: int, name: str = "this machine"
    ) -> None:
        """Raise :class:`InputError` for cores and GPUs that the machine ``name`` does not have, by
        its ``cores``, its memory and its number of ``gpus``; and if nothing is left."""
        if missing := sorted(set(self.cores or ()) - set(cores)):
            raise InputError("--cores", "", spans(missing), f"some of {spans(cores)}")
        if not self._left(cores):
            allowed = "at least one core for the jobs"
            raise InputError("--leave-free", "", f"{self.free_cores} cores", allowed)
        if memory_bytes <= self.free_bytes:
            allowed = f"less than the {size(memory_bytes)} that the machine has"
            raise InputError("--leave-free", "", size(self.free_bytes), allowed)
        if missing := [number for number in self.gpus or () if number >= gpus]:
            none = f"none: {name} has no GPU that these jobs can use"
            allowed = f"none, or some of {spans(range(gpus))}" if gpus else none
            raise InputError("--gpus", "", spans(missing), allowed)

    def _left(self, cores: Sequence[int]) -> tuple[int, ...]:
        kept = tuple(cores if self.cores is None else self.cores)
        return kept[: max(0, len(kept) - self.free_cores)]


ALL = Allowance()


def allowance_of(cores: str | None, left_free: Sequence[str], gpus: str | None = None) -> Allowance:
    """Parses ``0-3,6``, texts like ``8GiB`` or ``2cores``, and ``0,1`` or ``none``. Raises
    :class:`InputError`."""
    free_cores = free_bytes = 0
    for text in left_free:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)", text)
        number, unit = (found[1], found[2]) if found else ("", "")
        if unit in ("core", "cores") and number.isdigit():
            free_cores = int(number)
        elif unit in _UNITS:
            free_bytes = round(float(number) * _UNITS[unit])
        else:
            raise InputError(
                "--leave-free", "", repr(text), "memory like 8GiB, or cores like 2cores"
            )
    chosen = None
    if gpus is not None:
        allowed = "none, or numbers of GPUs like 0,1"
        chosen = () if gpus.strip() == "none" else _numbers(gpus, "--gpus", allowed)
    kept = None if cores is None else _numbers(cores, "--cores", "numbers of cores like 0-3,6")
    return Allowance(kept, free_cores, free_bytes, chosen)


def spans(cores: Sequence[int]) -> str:
    """Formats numbers as ``0-3,6``, with ranges for consecutive ones."""
    runs: list[list[int]] = []
    for core in sorted(cores):
        if runs and core == runs[-1][-1] + 1:
            runs[-1].append(core)
        else:
            runs.append([core])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _numbers(text: str, option: str, allowed: str) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise InputError(option, "", repr(text), allowed)
        found.update(range(first, last + 1))
    return tuple(sorted(found))
