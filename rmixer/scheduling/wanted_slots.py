"""What a user says of slots and threads, before a machine and profiles are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rmixer.errors import InputError
from rmixer.hardware.machine import Machine

Counts = tuple[int, ...]


@dataclass(frozen=True)
class Wanted:
    """What a user said of the slots of a kind of device and their threads, as lists; None for what
    they did not say. ``slots`` and ``threads`` are of the kind there is: of the GPUs if there are
    any, else of the CPU."""

    slots: Counts | None = None
    threads: Counts | None = None
    gpu_slots: Counts | None = None
    cpu_slots: Counts | None = None
    gpu_threads: Counts | None = None
    cpu_threads: Counts | None = None

    def said(self) -> list[tuple[str, str]]:
        """The options that were given, and their values."""
        return [
            (f"--{name.replace('_', '-')}", listed(counts))
            for name, counts in vars(self).items()
            if counts is not None
        ]

    def by_kind(self, machine: Machine) -> Wanted:
        """The same without ``slots`` and ``threads``, which are those of a kind. Raises
        :class:`InputError` for a kind that is said twice, and for GPUs that are not there."""
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
    """``1,2,4``."""
    return ",".join(map(str, counts))
