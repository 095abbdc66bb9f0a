"""The books of a run once more, written from the description of the policies and not from the code:
plain dictionaries and MiB. The reference rules read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fake_clock import FakeJob, Start
from random_runs import Scene


@dataclass
class Run:
    """One job on a device: since when, until when, and how it was picked."""

    job: FakeJob
    start_s: int
    end_s: int
    tag: str


@dataclass
class Books:
    """All that a rule may read. ``booked`` counts 1.2 x the peaks, ``held`` the peaks."""

    devices: list[str]
    slots: dict[str, int]
    memory: dict[str, int]
    booked: dict[str, int]
    held: dict[str, int]
    inside: dict[str, dict[int, Run]]
    queue: list[FakeJob] = field(default_factory=list)
    arrived: list[FakeJob] = field(default_factory=list)
    ended: int = 0
    now: int = 0
    last_sent: list[tuple[int, str]] = field(default_factory=list)

    def kind(self, device: str) -> str:
        return device[:3]

    def gpus(self) -> list[str]:
        return [device for device in self.devices if device.startswith("gpu")]

    def cpus(self) -> list[str]:
        return [device for device in self.devices if device.startswith("cpu")]

    def runs(self, device: str) -> list[Run]:
        return list(self.inside[device].values())

    def has_slot(self, device: str) -> bool:
        return len(self.inside[device]) < self.slots[device]

    def able(self, job: FakeJob, device: str) -> bool:
        return self.kind(device) in job.kinds and self.has_slot(device)

    def fits(self, job: FakeJob, device: str) -> bool:
        """With the margin of a fifth."""
        room = self.memory[device] - self.booked[device]
        return self.able(job, device) and job.mib(device) * 6 // 5 < room

    def fits_bare(self, job: FakeJob, device: str) -> bool:
        """Without the margin."""
        room = self.memory[device] - self.held[device]
        return self.able(job, device) and job.mib(device) < room

    def busy(self, device: str) -> float:
        return sum(run.job.busy(device) for run in self.runs(device))

    def idle(self) -> bool:
        return not any(self.inside[device] for device in self.devices)


Choice = tuple[FakeJob, str, str] | None
"""A job, a device, a tag."""
Rule = Callable[[Books], Choice]


def play(scene: Scene, rule: Rule) -> list[Start]:
    """Every start of a run in which ``rule`` is asked every second until it has no more to start.
    It needs no more than that: whatever happens, and every window of time, is in whole seconds."""
    books = _opened(scene)
    starts: list[Start] = []
    coming = list(scene.jobs)
    while coming or books.queue or not books.idle():
        for device in books.devices:
            for slot, run in list(books.inside[device].items()):
                if run.end_s == books.now:
                    _end(books, device, slot)
        for job in [job for job in coming if job.arrival_s == books.now]:
            coming.remove(job)
            books.queue.append(job)
            books.arrived.append(job)
        while (choice := rule(books)) is not None:
            starts.append(_start(books, *choice))
        books.now += 1
        assert books.now < 500, "the reference starves a job"
    return starts


def in_rounds(rule: Rule) -> Rule:
    """``rule``, asked only of an idle machine, and then again within the same second."""
    opened: dict[int, int] = {}

    def in_round(books: Books) -> Choice:
        if books.idle():
            opened[id(books)] = books.now
        return rule(books) if opened.get(id(books)) == books.now else None

    return in_round


def _opened(scene: Scene) -> Books:
    slots = {entry.device: entry.slots for entry in scene.layout.devices}
    memory = {f"gpu:{i}": gpu.memory_bytes >> 20 for i, gpu in enumerate(scene.machine.gpus)}
    memory["cpu:0"] = scene.machine.memory_bytes >> 20
    devices = [name for name in memory if name in slots]
    used = {device: scene.used_mib[device] for device in devices}
    return Books(devices, slots, memory, dict(used), dict(used), {name: {} for name in devices})


def _start(books: Books, job: FakeJob, device: str, tag: str) -> Start:
    slot = min(set(range(books.slots[device])) - set(books.inside[device]))
    books.inside[device][slot] = Run(job, books.now, books.now + job.lasts_s(device), tag)
    books.booked[device] += job.mib(device) * 6 // 5
    books.held[device] += job.mib(device)
    books.queue.remove(job)
    books.last_sent.append((books.now, device))
    return Start(books.now, job.id, device, slot)


def _end(books: Books, device: str, slot: int) -> None:
    job = books.inside[device].pop(slot).job
    books.ended += 1
    books.held[device] -= job.mib(device)
    books.booked[device] -= job.mib(device) * 6 // 5
    if device.startswith("gpu"):
        books.booked[device] = max(books.booked[device], 308 * books.slots[device])
