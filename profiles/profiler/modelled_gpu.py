"""A GPU machine that nobody measured: what a recorded CPU machine's steps would cost on one.

Each operator of the measured CPU step takes on the GPU as long as a roofline says (Williams,
Waterman, Patterson, CACM 2009), and no less than a kernel takes at all; launching it costs the host
a stated time. The step is the later of two clocks (Lin et al., HiPC 2022). Everything made here
says that it is modelled, and stands in until a real GPU has been recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from profiles.machines.gpu_rates import KERNEL_GAP_US
from profiles.memory.gpu_memory_prediction import PredictedGpuMemory
from rmixer.hardware.machine import Gpu, Machine
from rmixer.model_profile.model_profile import MemoryCost, ModelProfile, StepCost
from rmixer.operators.operator_cost import OperatorCost

GIB = 1 << 30
HOST_BANDWIDTH_GBPS = 200.0


@dataclass(frozen=True)
class ModelledGpu:
    """The stated figures. A matrix product reaches ``gflops`` in single precision, an operator
    moves ``bandwidth_gbps``, a batch crosses the link at ``link_gbps``; no kernel takes less
    than ``kernel_us``, and each costs the host ``launch_us``."""

    name: str = "modelled GPU, 80 GiB"
    memory_bytes: int = 80 * GIB
    multiprocessors: int = 132
    gflops: float = 30_000.0
    bandwidth_gbps: float = 2_000.0
    link_gbps: float = 25.0
    kernel_us: float = 3.0
    launch_us: float = 8.0
    context_bytes: int = GIB // 2


def modelled_machine(measured: Machine, name: str, cores: int, gpu: ModelledGpu) -> Machine:
    """A machine with one ``gpu`` and ``cores`` cores, each like one of ``measured``: cores do not
    slow each other down until they use up the host's memory bandwidth."""
    counts = range(1, cores + 1)
    each_gbps = measured.bandwidth_gbps[0]
    return replace(
        measured,
        name=name,
        origin="modelled",
        processor=f"{cores} modelled cores like {measured.processor}",
        cores=tuple(range(cores)),
        memory_bytes=8 * GIB * cores,
        core_capacity=tuple(float(k) for k in counts),
        bandwidth_gbps=tuple(min(each_gbps * k, HOST_BANDWIDTH_GBPS) for k in counts),
        matmul_gflops=tuple(measured.matmul_gflops[0] * k for k in counts),
        exchange_us=(),
        radix_sort_ns=(),
        gpus=(
            Gpu(
                name=gpu.name,
                memory_bytes=gpu.memory_bytes,
                multiprocessors=gpu.multiprocessors,
                bandwidth_gbps=gpu.bandwidth_gbps,
                link_gbps=gpu.link_gbps,
                launch_us=gpu.launch_us,
                matmul_gflops=gpu.gflops,
            ),
        ),
        fingerprint=replace(measured.fingerprint, hardware=f"modelled: {name}", driver=""),
    )


def modelled_profile(
    measured: ModelProfile,
    machine: Machine,
    gpu: ModelledGpu,
    predicted: PredictedGpuMemory | None = None,
) -> ModelProfile:
    """``measured`` (one CPU thread of it) with a step on ``gpu`` besides the one on the CPU.
    ``predicted`` is the step's memory there, as on the CPU where it cannot be predicted."""
    cpu = measured.step("cpu", 1)
    rows = [row for row in measured.operators if (row.lane, row.threads) == ("cpu", 1)]
    device = list(_on_gpu(rows, measured, gpu))
    step_us, busy_us = two_clocks_us(rows, device)
    return replace(
        measured,
        machine=machine.name,
        origin="modelled",
        steps=(cpu, _gpu_step(cpu, step_us)),
        memory=(_of("cpu", measured), _gpu_memory(_of("cpu", measured), gpu, predicted)),
        utilisation={**measured.utilisation, "gpu": min(1.0, busy_us / step_us)},
        job_type={**measured.job_type, "gpu": measured.job_type["cpu"]},
        operators=(*rows, *device),
    )


def two_clocks_us(
    host_rows: Iterable[OperatorCost], device_rows: Sequence[OperatorCost]
) -> tuple[float, float]:
    """The step's time and how long its GPU is busy. The host makes the input, then launches one
    operator after another; each begins when it is launched and the one before it has ended."""
    host = sum(row.mean_us for row in host_rows if row.phase == "input")
    free = busy = 0.0
    for row in device_rows:
        host += row.t1_us + row.host_us
        free = max(free + KERNEL_GAP_US, host) + row.mean_us
        busy += row.mean_us if row.lane == "gpu" else 0.0
    return max(host, free), busy


def _on_gpu(
    rows: Sequence[OperatorCost], measured: ModelProfile, gpu: ModelledGpu
) -> Iterable[OperatorCost]:
    """The copy of the batch, then every operator but the input; views launch nothing."""
    batch_bytes = measured.input[0].batch_bytes if measured.input else 0
    copy_us = max(gpu.kernel_us, batch_bytes / gpu.link_gbps / 1e3)
    work = [
        row
        for row in rows
        if row.phase not in ("input", "copy") and (row.flops or row.read_bytes or row.written_bytes)
    ]
    first = replace(
        rows[0], phase="copy", module="", operator="copy", forward_index=-1, shapes="", flops=0
    )
    first = replace(first, read_bytes=batch_bytes, written_bytes=batch_bytes)
    yield _timed(first, "link", copy_us, gpu, 0)
    index_of = {row.index: place + 1 for place, row in enumerate(work)}
    for place, row in enumerate(work, start=1):
        moved = row.read_bytes + row.written_bytes
        roofline_us = max(row.flops / gpu.gflops, moved / gpu.bandwidth_gbps) / 1e3
        tied = replace(row, forward_index=index_of.get(row.forward_index, -1))
        yield _timed(tied, "gpu", max(gpu.kernel_us, roofline_us), gpu, place)


def _timed(
    row: OperatorCost, lane: str, duration_us: float, gpu: ModelledGpu, index: int
) -> OperatorCost:
    return replace(
        row,
        index=index,
        lane=lane,
        p10_us=duration_us,
        p50_us=duration_us,
        p90_us=duration_us,
        mean_us=duration_us,
        gap_before_us=0.0,
        host_us=gpu.launch_us,
    )


def _gpu_step(cpu: StepCost, step_us: float) -> StepCost:
    return replace(
        cpu,
        device="gpu",
        mean_us=step_us,
        p10_us=step_us,
        p50_us=step_us,
        p90_us=step_us,
        stall_us=0.0,
        scale={},
        measurement=None,
        exchange_us=0.0,
        apart_us=0.0,
    )


def _of(kind: str, profile: ModelProfile) -> MemoryCost:
    return next(memory for memory in profile.memory if memory.device == kind)


def _gpu_memory(
    cpu: MemoryCost, gpu: ModelledGpu, predicted: PredictedGpuMemory | None
) -> MemoryCost:
    if predicted is None:
        parts = (cpu.parameter_bytes, cpu.gradient_bytes, cpu.optimizer_bytes, cpu.activation_bytes)
        held = sum(part for part in parts if part is not None)
        context, peak = gpu.context_bytes, held + gpu.context_bytes
        return replace(cpu, device="gpu", context_bytes=context, peak_bytes=peak)
    of_step = predicted.gradient_bytes + predicted.activation_bytes + predicted.input_bytes
    return replace(
        cpu,
        device="gpu",
        optimizer_bytes=predicted.optimizer_bytes,
        activation_bytes=max(0, of_step - (cpu.gradient_bytes or 0)),
        context_bytes=gpu.context_bytes,
        peak_bytes=predicted.reserved_bytes + gpu.context_bytes,
    )
