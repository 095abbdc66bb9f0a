"""Changes a machine for what-if questions: other counts of GPUs and cores, other memory, faster
GPUs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rmixer.errors import InputError
from rmixer.hardware.machine import Gpu, Machine

GIB = 1 << 30
MOST_GPUS, MOST_CORES, MOST_GIB, MOST_SPEED = 256, 4096, float(1 << 20), 1000.0
_RATES = ("core_capacity", "bandwidth_gbps", "matmul_gflops")
"""Figures by core count that are 0 for no core."""
_GPU_RATES = ("bandwidth_gbps", "link_gbps", "matmul_gflops")


@dataclass(frozen=True)
class WhatIf:
    """Supposed changes of a machine; None leaves a figure as it is. ``gpu_speed`` is the speed of
    kernels and copies in units of the machine's own GPUs."""

    gpus: int | None = None
    cores: int | None = None
    gpu_memory_gib: float | None = None
    memory_gib: float | None = None
    gpu_speed: float | None = None

    @property
    def settings(self) -> dict[str, float]:
        """The supposed changes, by the keys of ``--set``."""
        given = {key: getattr(self, name) for key, (name, _) in KEYS.items()}
        return {key: value for key, value in given.items() if value is not None}

    def machine_of(self, machine: Machine) -> Machine:
        """``machine`` with the supposed changes, under a name that lists them, like
        ``h100-16c+gpus=4+cores=64``.

        It has N copies of its first GPU. Curves by core count are cut, or :func:`continued`; the
        capacity of k cores is at most k. Sockets, caches, the start of a worker and the host's time
        to launch a kernel stay. Raises :class:`InputError` for GPUs if the machine has none.
        """
        if not self.settings:
            return machine
        self._check_gpus(machine)
        gpus = machine.gpus if self.gpus is None else machine.gpus[:1] * self.gpus
        cores = len(machine.cores) if self.cores is None else self.cores
        return replace(
            machine,
            name=machine.name + "".join(f"+{each}" for each in self._short()),
            cores=_core_ids(machine.cores, cores),
            memory_bytes=_bytes(self.memory_gib, machine.memory_bytes),
            gpus=tuple(self._gpu(gpu) for gpu in gpus),
            **_curves(machine, cores),
        )

    def assumed(self, machine: Machine) -> list[str]:
        """The further assumptions of :meth:`machine_of`, a line each."""
        lines = []
        if self.gpus and self.gpus > 1:
            lines.append(
                f"{self.gpus} GPUs: each is like {machine.gpus[0].name}, "
                "with its memory and its link to itself"
            )
        own = len(machine.cores)
        if self.cores is not None and self.cores > own:
            lines.append(
                f"{self.cores} cores: figures of more than {own} go on with the last slope: "
                f"core_capacity {_slope(machine.core_capacity):.3g} a core (k cores at most k), "
                f"bandwidth_gbps {_slope(machine.bandwidth_gbps):.3g}, "
                f"matmul_gflops {_slope(machine.matmul_gflops):.3g}"
            )
        if self.gpu_memory_gib is not None:
            lines.append(f"{self.gpu_memory_gib:g} GiB a GPU: jobs need what they needed before")
        if self.memory_gib is not None:
            lines.append(f"{self.memory_gib:g} GiB of memory: jobs need what they needed before")
        return lines

    def _short(self) -> list[str]:
        """``gpus=4`` for ``machine.gpus=4``; whole numbers without a fraction."""
        return [
            f"{key.removeprefix('machine.')}={str(value).removesuffix('.0')}"
            for key, value in self.settings.items()
        ]

    def _check_gpus(self, machine: Machine) -> None:
        if self.gpus and not machine.gpus:
            allowed = f"0: {machine.name} has no GPU, so no profile knows one"
            raise InputError("--set", "machine.gpus", self.gpus, allowed)
        there = machine.gpus if self.gpus is None else range(self.gpus)
        for key, value in self.settings.items():
            if key.startswith("machine.gpu.") and not there:
                raise InputError("--set", key, value, f"none: {machine.name} is left without a GPU")

    def _gpu(self, gpu: Gpu) -> Gpu:
        rates = {name: getattr(gpu, name) for name in _GPU_RATES}
        faster: dict[str, Any] = {
            name: rate and rate * (self.gpu_speed or 1.0) for name, rate in rates.items()
        }
        memory_bytes = _bytes(self.gpu_memory_gib, gpu.memory_bytes)
        return replace(gpu, memory_bytes=memory_bytes, **faster)


def what_if_of(values: Mapping[str, str]) -> WhatIf:
    """Builds it from given values of :data:`KEYS`; raises :class:`InputError`."""
    read: dict[str, Any] = {KEYS[key][0]: KEYS[key][1](key, text) for key, text in values.items()}
    return WhatIf(**read)


def continued(curve: Sequence[float], count: int, at_none: float) -> tuple[float, ...]:
    """``curve``, its value for 1, 2, … cores, cut to ``count`` or continued by its last slope, but
    never below its last value. A curve of one value has its slope from ``at_none``, the value for
    no core."""
    if not curve or count <= len(curve):
        return tuple(curve[:count])
    slope = _slope(curve, at_none)
    more = (curve[-1] + slope * k for k in range(1, count - len(curve) + 1))
    return (*curve, *more)


def _slope(curve: Sequence[float], at_none: float = 0.0) -> float:
    return max(0.0, curve[-1] - (curve[-2] if len(curve) > 1 else at_none))


def _curves(machine: Machine, cores: int) -> dict[str, Any]:
    """The figures by core count, for ``cores``. Times that fall with it are held constant: a
    straight line would end below 0."""
    curves = {name: continued(getattr(machine, name), cores, 0.0) for name in _RATES}
    known = machine.exchange_us
    curves["exchange_us"] = continued(known, cores, known[-1] if known else 0.0)
    own = len(machine.core_capacity)
    beyond = enumerate(curves["core_capacity"][own:], start=own + 1)
    bounded = (min(each, float(k)) for k, each in beyond)
    curves["core_capacity"] = (*curves["core_capacity"][:own], *bounded)
    return curves


def _core_ids(own: tuple[int, ...], count: int) -> tuple[int, ...]:
    free = (core for core in range(count + max(own) + 1) if core not in own)
    return (*own[:count], *(next(free) for _ in range(count - len(own))))


def _bytes(gib: float | None, own_bytes: int) -> int:
    return own_bytes if gib is None else max(1, round(gib * GIB))


def _whole(least: int, most: int) -> Callable[[str, str], int]:
    def read(key: str, text: str) -> int:
        digits = text if text.isascii() and text.isdecimal() and len(text) < 10 else "-1"
        if not least <= int(digits) <= most:
            raise InputError("--set", key, repr(text), f"a whole number from {least} to {most}")
        return int(text)

    return read


def number(most: float, least: float = 0.0) -> Callable[[str, str], float]:
    """A reader of a value of ``--set``, by its key: a number above 0, from ``least`` to ``most``.
    It raises :class:`InputError`."""

    def read(key: str, text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        if not (0.0 < number <= most and number >= least):
            above = f"from {least:g} to {most:g}" if least else f"> 0 and at most {most:.0f}"
            raise InputError("--set", key, repr(text), f"a number {above}")
        return number

    return read


KEYS: dict[str, tuple[str, Callable[[str, str], float]]] = {
    "machine.gpus": ("gpus", _whole(0, MOST_GPUS)),
    "machine.cores": ("cores", _whole(1, MOST_CORES)),
    "machine.gpu.memory_gib": ("gpu_memory_gib", number(MOST_GIB)),
    "machine.memory_gib": ("memory_gib", number(MOST_GIB)),
    "machine.gpu.speed": ("gpu_speed", number(MOST_SPEED, 1 / MOST_SPEED)),
}
"""The figures of a machine that can be changed: each its field here, and how it is read."""
