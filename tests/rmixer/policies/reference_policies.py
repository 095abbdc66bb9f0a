"""The rules of the policies once more, written from their description and not from the code.

Everything is kept in plain dictionaries and MiB; a whole run is played, books included.
"""

from __future__ import annotations

from collections.abc import Sequence

from fake_clock import FakeJob, Start
from random_runs import Scene

RANK = {"compute": 2, "memory": 1, "low": 0}


def play(scene: Scene, policy: str, random_order: Sequence[str] = ()) -> list[Start]:
    """Every start of a run; ``random_order`` is the order that ``dyRand`` drew."""
    slots = {entry.device: entry.slots for entry in scene.layout.devices}
    memory = {f"gpu:{i}": gpu.memory_bytes >> 20 for i, gpu in enumerate(scene.machine.gpus)}
    memory["cpu:0"] = scene.machine.memory_bytes >> 20
    devices = [name for name in memory if name in slots]
    booked = {name: scene.used_mib[name] for name in devices}
    inside: dict[str, dict[int, tuple[FakeJob, int]]] = {name: {} for name in devices}
    queue: list[FakeJob] = []
    coming = list(scene.jobs)
    starts: list[Start] = []

    def fits(job: FakeJob, device: str) -> bool:
        return job.peak_mib * 6 // 5 + booked[device] < memory[device]

    def has_slot(device: str) -> bool:
        return len(inside[device]) < slots[device]

    def start(job: FakeJob, device: str, now: int) -> None:
        slot = min(set(range(slots[device])) - set(inside[device]))
        inside[device][slot] = (job, now + job.duration_s)
        booked[device] += job.peak_mib * 6 // 5
        queue.remove(job)
        starts.append(Start(now, job.id, device, slot))

    def choose() -> tuple[FakeJob, str] | None:
        if policy == "all_at_once":
            for job in queue:
                able = [d for d in devices if has_slot(d) and fits(job, d)]
                if able:
                    return job, sorted(able, key=lambda d: len(inside[d]))[0]
            return None
        if policy == "sequential":
            if queue and not inside[devices[0]] and fits(queue[0], devices[0]):
                return queue[0], devices[0]
            return None
        with_slot = [d for d in devices if has_slot(d)]
        if not with_slot:
            return None
        device = with_slot[0]
        if policy == "dySequ":
            line = sorted(queue, key=lambda j: (RANK[j.job_type], j.peak_mib), reverse=True)
        elif policy == "dyRand":
            line = [j for name in random_order for j in queue if j.id == name]
        else:
            line = sorted(queue, key=lambda j: j.peak_mib, reverse=True)
        line = [j for j in line if fits(j, device)]
        if policy == "dyType":
            types = [job.job_type for job, _ in inside[device].values()]
            most = max(types.count(kind) for kind in RANK)
            common = next(kind for kind in RANK if types.count(kind) == most)
            line = [j for j in line if j.job_type != common] or line
        return (line[0], device) if line else None

    for now in range(6 + 4 * len(coming)):
        for device in devices:
            for slot, (job, end) in list(inside[device].items()):
                if end == now:
                    del inside[device][slot]
                    booked[device] -= job.peak_mib * 6 // 5
                    if device.startswith("gpu"):
                        booked[device] = max(booked[device], 308 * slots[device])
        queue += [job for job in coming if job.arrival_s == now]
        while (choice := choose()) is not None:
            start(*choice, now)
    return starts
