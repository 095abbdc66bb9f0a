"""Random machines, layouts and jobs for property tests."""

from __future__ import annotations

from dataclasses import dataclass

from fake_clock import FakeJob, machine
from hypothesis import strategies as st

from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import DeviceSlots, Layout


@dataclass(frozen=True)
class Scene:
    """A machine, its slots, the memory in use before the run, and jobs that all fit every
    device, even where only idle workers are left on it."""

    machine: Machine
    layout: Layout
    used_mib: dict[str, int]
    jobs: list[FakeJob]


@st.composite
def scenes(draw: st.DrawFn, gpus: int = 2, on_cpu: bool = True, max_jobs: int = 8) -> Scene:
    """Up to ``gpus`` GPUs and, with ``on_cpu`` or without a GPU, the CPU."""
    gpu_mib = draw(st.lists(st.integers(3200, 4500), max_size=gpus))
    cpu_mib = draw(st.integers(1500, 3000))
    names = [f"gpu:{i}" for i in range(len(gpu_mib))]
    if not names or (on_cpu and draw(st.booleans())):
        names.append("cpu:0")
    entries = [
        DeviceSlots(name, slots=draw(st.integers(1, 3)), threads=draw(st.integers(1, 2)))
        for name in names
    ]
    cores = sum(entry.slots * entry.threads for entry in entries)
    used_mib = {name: draw(st.integers(0, 300)) for name in names}
    return Scene(
        machine(cores, gpu_mib, cpu_mib),
        Layout(tuple(draw(st.permutations(entries)))),
        used_mib,
        draw(st.lists(fake_jobs, max_size=max_jobs).map(_named)),
    )


# 1.2 x a multiple of five is whole. 1.2 x 475 + 8 x 308 < 3200: every job fits in the end.
fake_jobs = st.builds(
    FakeJob,
    id=st.just(""),
    peak_mib=st.integers(1, 95).map(lambda n: 5 * n),
    job_type=st.sampled_from(["compute", "memory", "low"]),
    duration_s=st.integers(1, 4),
    arrival_s=st.integers(0, 5),
    fails=st.booleans(),
)


def _named(jobs: list[FakeJob]) -> list[FakeJob]:
    return [FakeJob(**{**vars(job), "id": f"j{index}"}) for index, job in enumerate(jobs)]
