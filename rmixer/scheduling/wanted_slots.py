"""The user's settings for slots and threads, before a machine and profiles are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rmixer.errors import InputError
from rmixer.hardware.machine import Machine

Counts = tuple[int, ...]
MOST = 1024
"""Slots, and threads of one."""


@dataclass(frozen=True)
class Wanted:
    """The user's lists of slots of a kind of device and their threads; None if not given. ``slots``
    and ``threads`` are for the GPUs if there are any, else for the CPU."""

    slots: Counts | None = None
    threads: Counts | None = None
    gpu_slots: Counts | None = None
    cpu_slots: Counts | None = None
    gpu_threads: Counts | None = None
    cpu_threads: Counts | None = None

    def said(self) -> list[tuple[str, str]]:
        """The given options and their values."""
        return [
            (f"--{name.replace('_', '-')}", listed(counts))
            for name, counts in vars(self).items()
            if counts is not None
        ]

    def by_kind(self, machine: Machine) -> Wanted:
        """The same with ``slots`` and ``threads`` assigned to a kind. Raises :class:`InputError`
        for a kind that is given twice, and for GPUs that the machine lacks."""
        kind = "gpu" if machine.gpus else "cpu"
        said: dict[str, Counts | None] = {}
        for what in ("slots", "threads"):
            short, long = getattr(self, what), getattr(self, f"{kind}_{what}")
            if short is not None and long is not None:
                allowed = f"one of --{what} and --{kind}-{what}: they are the same here"
                raise InputError(f"--{what}", "", listed(short), allowed)
            said[f"{kind}_{what}"] = short if long is None else long
        other = "cpu" if machine.gpus else "gpu"
        for name in (f"{other}_slots", f"{other}_threads"):
            said[name] = getattr(self, name)
        found = Wanted(**said)
        no_gpu = f"{machine.name} has no GPU that these jobs can use"
        if not machine.gpus and any(found.gpu_slots or ()):
            raise InputError("--gpu-slots", "", listed(found.gpu_slots or ()), f"0: {no_gpu}")
        if not machine.gpus and found.gpu_threads:
            raise InputError("--gpu-threads", "", listed(found.gpu_threads), f"nothing: {no_gpu}")
        return found


def wanted_of(said: Mapping[str, str]) -> Wanted:
    """Returns what :meth:`Wanted.said` listed."""
    return Wanted(
        **{
            option.removeprefix("--").replace("-", "_"): tuple(map(int, counts.split(",")))
            for option, counts in said.items()
        }
    )


def listed(counts: Iterable[int]) -> str:
    """Formats counts as ``1,2,4``."""
    return ",".join(map(str, counts))


def whole_numbers(
    text: str | None, option: str, most: int, least: int = 1, *, several: bool = True
) -> tuple[int, ...] | None:
    """``1,2,4`` as numbers from ``least`` to ``most``, or one number unless ``several`` are
    allowed; None for None."""
    if text is None:
        return None
    kind = "whole numbers, like 1,2" if several else "a whole number"
    try:
        counts = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise InputError(option, "", repr(text), kind) from None
    if len(counts) > 1 and not several:
        raise InputError(option, "", repr(text), kind)
    if counts[0] < least or counts[-1] > most:
        raise InputError(option, "", repr(text), f"{kind.partition(',')[0]} from {least} to {most}")
    return tuple(counts)


def wanted_counts(said: Mapping[str, str | None], *, several: bool) -> Wanted:
    """Reads texts like ``1,2`` by the names of :class:`Wanted`, a number each unless ``several``
    are allowed. Raises :class:`InputError`."""
    counts = {}
    for name, text in said.items():
        option = "--" + name.replace("_", "-")
        least = 0 if name in ("gpu_slots", "cpu_slots") else 1
        counts[name] = whole_numbers(text, option, MOST, least, several=several)
    return Wanted(**counts)
