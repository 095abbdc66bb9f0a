"""A tiny clock that drives a policy through a Cluster, and made-up machines and jobs for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rmixer.hardware.fingerprint import Fingerprint
from rmixer.hardware.machine import Gpu, Machine
from rmixer.policies import DeviceCost, Policy
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.cluster import Cluster
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.step_times import Mix
from rmixer.workload.workload import Job

MIB = 1 << 20
CPU_MIB = 16_000
STEPS = 100


@dataclass(frozen=True)
class FakeJob:
    """A job whose duration is known. It costs the same on every kind of device that it can run on,
    but for what is given for a GPU apart. All its time is in its ``STEPS`` steps."""

    id: str
    peak_mib: int
    job_type: str = "memory"
    duration_s: int = 1
    arrival_s: int = 0
    fails: bool = False
    kinds: tuple[str, ...] = ("cpu", "gpu")
    utilisation: float = 0.5
    gpu_mib: int | None = None
    gpu_s: int | None = None
    gpu_utilisation: float | None = None
    bandwidth: float | None = None
    occupancy: float | None = None

    def mib(self, device: str) -> int:
        """Its peak on ``device``."""
        return self.peak_mib if _is_cpu(device) or self.gpu_mib is None else self.gpu_mib

    def lasts_s(self, device: str) -> int:
        """How long it takes on ``device``."""
        return self.duration_s if _is_cpu(device) or self.gpu_s is None else self.gpu_s

    def busy(self, device: str) -> float:
        """The share of ``device`` that it keeps busy."""
        given = self.gpu_utilisation
        return self.utilisation if _is_cpu(device) or given is None else given

    def costs(self) -> dict[str, DeviceCost]:
        return {
            kind: DeviceCost(
                self.mib(kind) * MIB,
                self.busy(kind),
                self.job_type,  # type: ignore[arg-type]
                dict.fromkeys((1, 2), self.lasts_s(kind) / STEPS),
                bandwidth=self.bandwidth,
                occupancy=self.occupancy,
            )
            for kind in self.kinds
        }


def _is_cpu(device: str) -> bool:
    return device.startswith("cpu")


@dataclass(frozen=True)
class Start:
    """A job starts."""

    at_s: float
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


class MadeUpTimes:
    """Step times of a mix: alone 1 ms; in company longer by ``slower`` of the two jobs for each of
    the others."""

    def __init__(self, slower: Callable[[str, str], float]) -> None:
        self._slower = slower

    def unit_s(self, mix: Mix) -> tuple[float, ...]:
        names = [member.identity for member in mix.members]
        return tuple(
            1e-3 * (1.0 + sum(self._slower(*sorted((a, b))) for j, b in enumerate(names) if j != i))
            for i, a in enumerate(names)
        )


def by_name(first: str, second: str) -> float:
    """Some pairs slow each other down much, others little."""
    return (sum(map(ord, first)) * 7 + sum(map(ord, second)) * 3) % 11 / 10


class Counted:
    """What is read of a run: the steps that jobs have made. Nothing measures memory."""

    reads_memory = False

    def __init__(self) -> None:
        self.now_s = 0.0
        self.running: dict[str, tuple[float, int]] = {}

    def steps_made(self, job: str) -> float:
        """Steps are made evenly; none by a job that starts at this instant."""
        start_s, lasts_s = self.running.get(job, (self.now_s, 1))
        return STEPS * (self.now_s - start_s) / lasts_s

    def measured_bytes(self, device: str) -> int | None:
        return None

    def others_bytes(self, device: str) -> int | None:
        return None


def run(
    machine: Machine,
    layout: Layout,
    jobs: Sequence[FakeJob],
    policy: Policy,
    used_mib: Mapping[str, int] | None = None,
    watch: Callable[[Cluster, Sequence[Booking]], None] = lambda cluster, bookings: None,
) -> list[Start]:
    """Every start until nothing can happen any more. What ends or arrives at one time is booked
    before the policy is asked; it is asked again when it wants to be; ``watch`` sees the books
    after each decision."""
    used = {device: mib * MIB for device, mib in (used_mib or {}).items()}
    clock = Counted()
    times = MadeUpTimes(by_name)
    cluster = Cluster(machine, layout, times, used_bytes=used, readings=clock)
    by_id = {job.id: job for job in jobs}
    arrivals = sorted(jobs, key=lambda job: job.arrival_s)
    ends: dict[str, float] = {}
    starts: list[Start] = []
    asks: list[float] = []
    while arrivals or ends or asks:
        now_s = min([job.arrival_s for job in arrivals[:1]] + list(ends.values()) + asks)
        clock.now_s = now_s
        for name in [name for name, end_s in ends.items() if end_s == now_s]:
            del ends[name], clock.running[name]
            cluster.finish(name, "failed" if by_id[name].fails else "done")
        while arrivals and arrivals[0].arrival_s == now_s:
            submit(cluster, arrivals.pop(0))
        bookings = cluster.decide(policy, now_s)
        for booking in bookings:
            (device,) = booking.devices
            lasts_s = by_id[booking.job].lasts_s(device)
            clock.running[booking.job] = (now_s, lasts_s)
            ends[booking.job] = now_s + lasts_s
            starts.append(Start(now_s, booking.job, device, booking.slot))
        again_s = cluster.ask_again_s(policy, now_s)
        asks = [] if again_s is None else [now_s + again_s]
        watch(cluster, bookings)
    return starts


def submit(cluster: Cluster, job: FakeJob) -> None:
    """``job`` arrives."""
    entry = Job(job.id, "made_up", STEPS, 32, "sgd", 0.1, 0, arrival_s=float(job.arrival_s))
    cluster.submit(entry, job.id, job.costs())


def placed(starts: Sequence[Start]) -> list[tuple[float, str, str]]:
    """When which job starts on which device."""
    return [(start.at_s, start.job, start.device) for start in starts]


def order(starts: Sequence[Start]) -> list[str]:
    """The jobs as they started."""
    return [start.job for start in starts]
