"""A tiny clock that drives a policy through a Cluster, and made-up machines and jobs for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rmixer.hardware.fingerprint import Fingerprint
from rmixer.hardware.machine import Gpu, Machine
from rmixer.policies import DeviceCost, Policy
from rmixer.scheduling.cluster import Booking, Cluster
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.workload.workload import Job

MIB = 1 << 20
CPU_MIB = 16_000


@dataclass(frozen=True)
class FakeJob:
    """A job whose duration is known; the same cost on every kind of device it can run on."""

    id: str
    peak_mib: int
    job_type: str = "memory"
    duration_s: int = 1
    arrival_s: int = 0
    fails: bool = False
    kinds: tuple[str, ...] = ("cpu", "gpu")

    def costs(self) -> dict[str, DeviceCost]:
        cost = DeviceCost(self.peak_mib * MIB, 0.5, self.job_type, {1: 0.001})  # type: ignore
        return dict.fromkeys(self.kinds, cost)


@dataclass(frozen=True)
class Start:
    """A job starts."""

    at_s: int
    job: str
    device: str
    slot: int


def machine(cores: int = 2, gpu_mib: Sequence[int] = (), cpu_mib: int = CPU_MIB) -> Machine:
    """A machine with ``cores`` cores and a GPU for each entry of ``gpu_mib``."""
    return Machine(
        name="made-up",
        origin="modelled",
        processor="made up",
        cores=tuple(range(cores)),
        sockets=1,
        cache_bytes={},
        memory_bytes=cpu_mib * MIB,
        core_capacity=tuple(float(k + 1) for k in range(cores)),
        bandwidth_gbps=(10.0,) * cores,
        matmul_gflops=(10.0,) * cores,
        worker_startup_s=1.0,
        probe_s=0.05,
        gpus=tuple(Gpu(f"gpu {i}", mib * MIB, 100) for i, mib in enumerate(gpu_mib)),
        fingerprint=Fingerprint("", "", "", "", "", "", "", ""),
    )


def slots(**devices: int) -> Layout:
    """``slots(gpu0=2, cpu0=1)``: that many slots of one thread each."""
    return Layout(
        tuple(DeviceSlots(f"{name[:3]}:{name[3:]}", count, 1) for name, count in devices.items()),
        in_turn=True,
    )


def run(
    machine: Machine,
    layout: Layout,
    jobs: Sequence[FakeJob],
    policy: Policy,
    used_mib: Mapping[str, int] | None = None,
    watch: Callable[[Cluster, Sequence[Booking]], None] = lambda cluster, bookings: None,
) -> list[Start]:
    """Every start until nothing can happen any more. What ends or arrives at one time is booked
    before the policy is asked; ``watch`` sees the books after each decision."""
    used = {device: mib * MIB for device, mib in (used_mib or {}).items()}
    cluster = Cluster(machine, layout, used_bytes=used)
    by_id = {job.id: job for job in jobs}
    arrivals = sorted(jobs, key=lambda job: job.arrival_s)
    ends: dict[str, int] = {}
    starts: list[Start] = []
    while arrivals or ends:
        now_s = min([job.arrival_s for job in arrivals[:1]] + list(ends.values()))
        for name in [name for name, end_s in ends.items() if end_s == now_s]:
            del ends[name]
            cluster.finish(name, failed=by_id[name].fails)
        while arrivals and arrivals[0].arrival_s == now_s:
            submit(cluster, arrivals.pop(0))
        bookings = cluster.decide(policy, now_s)
        for booking in bookings:
            ends[booking.job] = now_s + by_id[booking.job].duration_s
            starts.append(Start(now_s, booking.job, booking.devices[0], booking.slot))
        watch(cluster, bookings)
    return starts


def submit(cluster: Cluster, job: FakeJob) -> None:
    """``job`` arrives."""
    entry = Job(job.id, "made_up", 100, 32, "sgd", 0.1, 0, arrival_s=float(job.arrival_s))
    cluster.submit(entry, "made_up-b32", job.costs())


def order(starts: Sequence[Start]) -> list[str]:
    """The jobs as they started."""
    return [start.job for start in starts]
