"""The layouts that a user asks for, one or a grid, on a machine with these profiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from rmixer.errors import InputError
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.policies import Policy
from rmixer.scheduling.asking import ask_layout
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.wanted_slots import Counts, Wanted, listed

_FITTING = "slots x threads, on all devices together,"


def profiled_threads(profiles: Iterable[ModelProfile]) -> dict[str, list[int]]:
    """By kind of device, the counts of host threads that every profile with that kind has."""
    counts: dict[str, list[set[int]]] = {}
    for profile in profiles:
        for kind in {step.device for step in profile.steps}:
            known = {step.threads for step in profile.steps if step.device == kind}
            counts.setdefault(kind, []).append(known)
    return {kind: sorted(set.intersection(*known)) for kind, known in counts.items()}


def choose_layout(problem: Problem, policy: Policy, wanted: Wanted) -> Layout:
    """The layout of ``policy`` on the ``wanted`` slots, one number each. GPUs, or the CPU if there
    is none, have by default as many slots as there are cores for; the CPU has no slot besides those
    of GPUs, or one if a job runs on it alone. Raises :class:`InputError` if there are too few
    cores."""
    machine = problem.machine
    cut = _cut(problem, wanted.by_kind(machine))
    layout = ask_layout(policy, machine, len(problem.jobs), cut)
    known = profiled_threads(problem.profiles.values())
    if policy.cuts_itself:
        layout = layout.profiled(known)
    _check_threads(layout, known)
    layout.check(machine, "slots and threads")
    return layout


def _cut(problem: Problem, wanted: Wanted) -> Cut:
    machine = problem.machine
    cores = len(machine.cores)
    gpu_threads, cpu_threads = _one(wanted.gpu_threads, 1), _one(wanted.cpu_threads, 1)
    if not machine.gpus:
        return Cut(0, _one(wanted.cpu_slots, max(1, cores // cpu_threads)), 0, cpu_threads)
    on_cpu = _needs_cpu(problem) or wanted.gpu_slots == (0,)
    cpu_slots = _one(wanted.cpu_slots, 1 if on_cpu else 0)
    left = (cores - cpu_slots * cpu_threads) // (gpu_threads * len(machine.gpus))
    return Cut(_one(wanted.gpu_slots, max(1, left)), cpu_slots, gpu_threads, cpu_threads)


def _needs_cpu(problem: Problem) -> bool:
    """True if a job runs on the CPU alone."""
    return any("gpu" not in profile.costs() for profile in problem.profiles.values())


def _one(counts: Counts | None, default: int) -> int:
    return counts[0] if counts else default


def _check_threads(layout: Layout, known: Mapping[str, Sequence[int]]) -> None:
    """Raises :class:`InputError` for a count of threads that is not ``known`` for its kind."""
    for entry in layout.devices:
        counts = known.get(entry.kind, ())
        if counts and entry.threads not in counts:
            allowed = f"profiled: {listed(counts)}"
            raise InputError(f"--{entry.kind}-threads", "", entry.threads, allowed)


def grid(problem: Problem, wanted: Wanted) -> list[Cut]:
    """Every cut of ``wanted`` for which there are enough cores. Default slots are 0, the powers of
    two and all cores, only 0 for a kind of device that no job can run on; default threads are the
    profiled counts. Raises :class:`InputError` for counts of threads that are not profiled, for a
    count of slots that never fits, and if no cut is left."""
    machine = problem.machine
    said = wanted.by_kind(machine)
    known = profiled_threads(problem.profiles.values())
    cores = len(machine.cores)
    powers = sorted({0, cores} | {1 << i for i in range(cores.bit_length()) if 1 << i <= cores})
    gpus_alone = wanted.slots is not None and machine.gpus and not _needs_cpu(problem)
    of_use = {kind for profile in problem.profiles.values() for kind in profile.costs()}
    gpu_slots = said.gpu_slots or (powers if machine.gpus and "gpu" in of_use else (0,))
    cpu_slots = said.cpu_slots or ((0,) if gpus_alone or "cpu" not in of_use else powers)
    gpu_threads = _threads(said.gpu_threads, known, "gpu")
    cpu_threads = _threads(said.cpu_threads, known, "cpu")
    cuts = {
        _named_once(Cut(*each)): None
        for each in product(gpu_slots, cpu_slots, gpu_threads, cpu_threads)
    }
    found = [
        cut for cut in cuts if (cut.gpu_slots or cut.cpu_slots) and cut.cores(machine) <= cores
    ]
    if not found:
        tried = f"{listed(gpu_slots)} slots a GPU and {listed(cpu_slots)} on the CPU"
        allowed = f"{_FITTING} <= {cores} cores, and at least one slot"
        raise InputError("slots and threads", "", tried, allowed)
    _check_tried(wanted, said, found, cores)
    return found


def _check_tried(wanted: Wanted, said: Wanted, found: Sequence[Cut], cores: int) -> None:
    """Raises :class:`InputError` for a count of slots that was ``said`` and is in none of the cuts
    ``found``, under the name of the option ``wanted``."""
    for name in ("gpu_slots", "cpu_slots"):
        fitting = {getattr(cut, name) for cut in found}
        for count in getattr(said, name) or ():
            if count and count not in fitting:
                allowed = f"{_FITTING} <= {cores} cores"
                option = name if getattr(wanted, name) else "slots"
                raise InputError(f"--{option.replace('_', '-')}", "", count, allowed)


def _threads(said: Counts | None, known: Mapping[str, Sequence[int]], kind: str) -> Sequence[int]:
    for count in said or ():
        if kind in known and count not in known[kind]:
            raise InputError(f"--{kind}-threads", "", count, f"profiled: {listed(known[kind])}")
    return said or known.get(kind) or (1,)


def _named_once(cut: Cut) -> Cut:
    """``cut`` with 0 threads where it has no slots, so that equivalent cuts are equal."""
    gpu_threads = cut.gpu_threads if cut.gpu_slots else 0
    cpu_threads = cut.cpu_threads if cut.cpu_slots else 0
    return Cut(cut.gpu_slots, cut.cpu_slots, gpu_threads, cpu_threads)
