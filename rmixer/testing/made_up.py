"""Synthetic machines, profiles and workloads for tests, benchmarks and examples.

Every figure is an argument; none is a measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rmixer.hardware.fingerprint import Fingerprint
from rmixer.hardware.machine import Gpu, Machine
from rmixer.model_profile.model_profile import JobType, Kind, MemoryCost, ModelProfile, StepCost
from rmixer.models.registry import model_entry
from rmixer.operators.operator_cost import OperatorCost
from rmixer.workload.workload import Job, Workload

GIB = 1 << 30
FINGERPRINT = Fingerprint(
    hardware="made up",
    system="",
    driver="",
    python="",
    torch="",
    rmixer="",
    commit="",
    training="",
)


def make_machine(
    cores: int = 2,
    gpus: int = 0,
    memory_bytes: int = 8 * GIB,
    gpu_memory_bytes: int = 16 * GIB,
    core_capacity: Sequence[float] | None = None,
    name: str = "made-up",
) -> Machine:
    """A machine of ``cores`` cores that do not slow each other down unless ``core_capacity`` says
    so."""
    counts = range(1, cores + 1)
    return Machine(
        name=name,
        origin="modelled",
        processor="made up",
        cores=tuple(range(cores)),
        sockets=1,
        cache_bytes={},
        memory_bytes=memory_bytes,
        core_capacity=tuple(core_capacity or map(float, counts)),
        bandwidth_gbps=tuple(10.0 for _ in counts),
        matmul_gflops=tuple(50.0 * k for k in counts),
        worker_startup_s=2.0,
        probe_s=0.05,
        gpus=tuple(Gpu(f"made up {i}", gpu_memory_bytes, 100) for i in range(gpus)),
        fingerprint=FINGERPRINT,
    )


def make_operator(
    mean_us: float,
    moved_bytes: int = 0,
    gap_before_us: float = 0.0,
    lane: str = "cpu",
    threads: int = 1,
    **changes: Any,
) -> OperatorCost:
    """One row of a step, of no particular operator; ``changes`` are its other fields."""
    made = OperatorCost(
        index=0,
        phase="forward",
        module="made_up",
        operator="made_up",
        forward_index=-1,
        shapes="",
        flops=0,
        read_bytes=moved_bytes,
        written_bytes=0,
        lane=lane,
        threads=threads,
        p10_us=mean_us,
        p50_us=mean_us,
        p90_us=mean_us,
        mean_us=mean_us,
        gap_before_us=gap_before_us,
        host_us=0.0,
    )
    return replace(made, **changes)


def make_step(
    device: Kind = "cpu",
    threads: int = 1,
    mean_us: float = 10_000.0,
    **changes: Any,
) -> StepCost:
    """The cost of one step without a measurement. Its median equals its mean, and all other times
    are 0. ``changes`` are its other fields."""
    return StepCost.unmeasured(device, threads, mean_us, **{"pressure": 0.0, **changes})


def make_job(
    name: str = "job-0",
    model: str = "criteo_dlrm",
    steps: int = 100,
    batch: int | None = None,
    arrival_s: float = 0.0,
) -> Job:
    """A job of a model in the registry, with its defaults."""
    entry = model_entry(model)
    return Job(
        id=name,
        model=model,
        steps=steps,
        batch=batch or entry.batch,
        optimizer=entry.optimizer,
        lr=entry.lr,
        seed=0,
        arrival_s=arrival_s,
    )


def make_profile(
    model: str = "criteo_dlrm",
    steps: Sequence[StepCost] | None = None,
    operators: Sequence[OperatorCost] = (),
    batch: int | None = None,
    peak_bytes: int = GIB,
    job_type: JobType = "compute",
    **changes: Any,
) -> ModelProfile:
    """A profile of ``make_job(model=model, batch=batch)``'s step, by default of 10 ms with one
    thread. Devices are those of its ``steps``; ``changes`` are its other fields."""
    costs = tuple(steps or (make_step(),))
    kinds: dict[Kind, None] = {cost.device: None for cost in costs}
    first = ("cpu", costs[0].threads)
    counted = [each for each in operators if (each.lane, each.threads) == first]
    memory = MemoryCost("cpu", 0, 0, 0, 0, 0, peak_bytes)
    made = ModelProfile(
        identity=make_job(model=model, batch=batch).identity,
        machine="made-up",
        origin="modelled",
        steps=costs,
        memory=tuple(replace(memory, device=kind) for kind in kinds),
        startup_s=2.0,
        warmup_steps=0,
        flops=sum(each.flops or 0 for each in counted),
        bytes=sum(each.moved_bytes or 0 for each in counted),
        intensity=0.0,
        bandwidth_gbps=0.0,
        utilisation=dict.fromkeys(kinds, 0.5),
        job_type=dict.fromkeys(kinds, job_type),
        probe_s=0.05,
        fingerprint=FINGERPRINT,
        operators=tuple(operators),
    )
    return replace(made, **changes)


def make_workload(*jobs: Job, name: str = "made-up") -> Workload:
    """A workload of these jobs."""
    return Workload(name, 0, jobs)


def by_key(*profiles: ModelProfile) -> dict[str, ModelProfile]:
    """The profiles by the key of their cost identity, as the simulator takes them."""
    return {profile.key: profile for profile in profiles}
