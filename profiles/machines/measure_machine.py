"""Measures the machine for ``machine.yaml``."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from profiles.machines import limits
from profiles.machines.bubble import STREAM_BYTES, Bubbles
from profiles.machines.gpu_meter import driver_version
from profiles.machines.kept_waiting import taken_in_words
from profiles.machines.tasks import FASTEST_EXCHANGES, GPUS, MATMUL_GFLOPS
from rmixer.hardware.fingerprint import take_fingerprint
from rmixer.hardware.machine import Gpu, Machine
from rmixer.training.process import WorkerProcess
from rmixer.training.worker import Channel

ROUNDS = 5
WORKERS = 2
BLOCK_S = 0.2
MATRIX = 1024
MEASURE_MACHINE_S = 20.0


def measure_machine(
    name: str | None = None,
    report: Callable[[str], None] = print,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Machine:
    """Measures this machine, as far as this process may use it: in about a minute, longer with
    GPUs.

    Core counts are measured at powers of two and at all cores, interleaved over rounds, the median
    of each kept; counts in between are interpolated. GPUs are measured by
    :mod:`profiles.machines.gpu_rates`. ``report`` gets a line for each part, ``progress`` is called
    for each round.
    """
    cores = limits.usable_cores()
    counts = core_counts(len(cores))
    report(f"{len(cores)} usable cores: compute and memory rates")
    with Bubbles(cores) as bubbles:
        compute: dict[int, list[float]] = {k: [] for k in counts}
        stream: dict[int, list[float]] = {k: [] for k in counts}
        probes: list[float] = []
        for done in range(ROUNDS):
            progress(done, ROUNDS + WORKERS)
            for k in counts:
                compute[k].append(sum(bubbles.run("compute", BLOCK_S, k)))
                stream[k].append(sum(bubbles.run("stream", BLOCK_S, k)))
            probes.extend(bubbles.probe() for _ in range(3))
        taken = bubbles.taken()
    if words := taken_in_words(taken):
        report(f"{words}; then `rmixer machine --again`")
    # A round's own single core is its yardstick: the machine's speed drifts between rounds.
    # More than k times one core's rate is that drift too.
    capacity = {
        k: min(k, statistics.median(r / alone for r, alone in zip(rates, compute[1], strict=True)))
        for k, rates in compute.items()
    }
    copied = {k: statistics.median(rates) * 2 * STREAM_BYTES / 1e9 for k, rates in stream.items()}
    report("matrix products, GPUs, and worker start-up")
    starts: list[float] = []
    exchanges: list[dict[int, float]] = []
    for started in range(WORKERS):
        progress(ROUNDS + started, ROUNDS + WORKERS)
        with WorkerProcess(cores) as worker:
            starts.append(worker.warm_up())
            exchanges.append(worker.call(FASTEST_EXCHANGES, counts=counts))
            if started == WORKERS - 1:
                products = worker.call(MATMUL_GFLOPS, counts=counts)
                found: list[dict[str, Any]] = worker.call(GPUS)
    progress(ROUNDS + WORKERS, ROUNDS + WORKERS)
    gpus = tuple(Gpu(**gpu) for gpu in found)
    memory = limits.usable_memory_bytes()
    processor = limits.processor_name()
    hardware = f"{processor}, {len(cores)} cores, {memory >> 30} GiB"
    hardware += "".join(f", {gpu.name}" for gpu in gpus)
    fingerprint = take_fingerprint(hardware, driver_version())
    slug = re.sub(r"[^a-z0-9]+", "-", processor.lower()).strip("-")[:24].strip("-")
    return Machine(
        name=name or f"{slug}-{len(cores)}c-{fingerprint.hardware_id}",
        origin="measured",
        processor=processor,
        cores=cores,
        sockets=limits.sockets(),
        cache_bytes=limits.cache_bytes(),
        memory_bytes=memory,
        core_capacity=every_count(capacity),
        bandwidth_gbps=every_count(copied),
        matmul_gflops=every_count({int(k): v for k, v in products.items()}),
        worker_startup_s=round(statistics.median(starts), 3),
        probe_s=round(statistics.median(probes), 6),
        gpus=gpus,
        fingerprint=fingerprint,
        exchange_us=every_count({k: min(e[k] for e in exchanges) for k in counts}),
    )


def core_counts(cores: int) -> list[int]:
    """Powers of two below ``cores``, and ``cores``."""
    return sorted({1 << i for i in range(cores.bit_length()) if 1 << i <= cores} | {cores})


def every_count(measured: Mapping[int, float]) -> tuple[float, ...]:
    """The value at each count of cores up to the largest, interpolated between those measured."""
    counts = sorted(measured)
    values = np.interp(range(1, counts[-1] + 1), counts, [measured[k] for k in counts])
    return tuple(round(float(value), 4) for value in values)


def matmul_gflops(channel: Channel, counts: Sequence[int]) -> dict[int, float]:
    """A worker's task: the rate of a square single-precision product by thread count."""
    import time

    import torch

    left = torch.ones(MATRIX, MATRIX)
    rates: dict[int, list[float]] = {k: [] for k in counts}
    for _ in range(ROUNDS + 1):
        for k in counts:
            torch.set_num_threads(k)
            start_s = time.perf_counter()
            for _ in range(3):
                left @ left
            rates[k].append(3 * 2 * MATRIX**3 / (time.perf_counter() - start_s) / 1e9)
    return {k: statistics.median(values[1:]) for k, values in rates.items()}
