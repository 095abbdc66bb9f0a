"""Random machines, layouts and jobs for property tests."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fake_clock import FakeJob, machine
from hypothesis import strategies as st

from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout
from rmixer.scheduling.policy import Policy

ALL = ("cpu", "gpu")
NO_CUT = Cut()


@dataclass(frozen=True)
class Scene:
    """A machine, its slots, the memory in use before the run, and jobs that all fit every
    device that they can run on, even where only idle workers are left on it."""

    machine: Machine
    layout: Layout
    used_mib: dict[str, int]
    jobs: list[FakeJob]

    def cut_by(self, policy: Policy) -> Scene:
        """The same with the policy's own layout, if it has one."""
        if not policy.cuts_itself:
            return self
        layout = policy.layout(self.machine, max(1, len(self.jobs)), NO_CUT)
        used = {entry.device: self.used_mib.get(entry.device, 0) for entry in layout.devices}
        kinds = {entry.kind for entry in layout.devices}
        jobs = [
            replace(job, kinds=job.kinds if kinds & set(job.kinds) else ALL) for job in self.jobs
        ]
        return Scene(self.machine, layout, used, jobs)


@st.composite
def scenes(
    draw: st.DrawFn,
    gpus: int = 2,
    on_cpu: bool = True,
    max_jobs: int = 8,
    some_on_cpu_alone: bool = False,
) -> Scene:
    """Up to ``gpus`` GPUs and, with ``on_cpu`` or without a GPU, the CPU. Jobs may cost another
    amount on a GPU; with ``some_on_cpu_alone`` some cannot run there, if there is a CPU."""
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
    jobs = draw(st.lists(fake_jobs, max_size=max_jobs).map(_named))
    if some_on_cpu_alone and "cpu:0" in names:
        jobs = [replace(job, kinds=draw(st.sampled_from([ALL, ("cpu",)]))) for job in jobs]
    return Scene(
        machine(cores, gpu_mib, cpu_mib),
        Layout(tuple(draw(st.permutations(entries)))),
        used_mib,
        jobs,
    )


# 1.2 x a multiple of five is whole. 1.2 x 475 + 8 x 308 < 3200: every job fits in the end.
peaks_mib = st.integers(1, 95).map(lambda n: 5 * n)
# Sums of sixteenths are exact.
shares = st.integers(0, 16).map(lambda n: n / 16)
fake_jobs = st.builds(
    FakeJob,
    id=st.just(""),
    peak_mib=peaks_mib,
    job_type=st.sampled_from(["compute", "memory", "low"]),
    duration_s=st.integers(1, 4),
    arrival_s=st.integers(0, 5),
    fails=st.booleans(),
    utilisation=shares,
    gpu_mib=st.none() | peaks_mib,
    gpu_s=st.none() | st.integers(1, 4),
    gpu_utilisation=st.none() | shares,
    bandwidth=st.none() | shares,
    occupancy=st.none() | shares,
)


def _named(jobs: list[FakeJob]) -> list[FakeJob]:
    return [replace(job, id=f"j{index}") for index, job in enumerate(jobs)]
