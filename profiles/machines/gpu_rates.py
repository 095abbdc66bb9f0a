"""Measures the rates of the machine's GPUs: matrix products, copies, the link, a launch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from rmixer.training.worker import Channel

MATRIX = 4096
COPIED_BYTES = 1 << 30
LINKED_BYTES = 256 << 20
LAUNCHES = 500
REPEATS = 9
Timer = Callable[[Callable[[], object]], float]

KERNEL_GAP_US = 1.0


def gpus(channel: Channel) -> list[dict[str, Any]]:
    """A worker's task: the GPUs that torch sees, with their rates."""
    found = []
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        with torch.cuda.device(index):
            rates = gpu_rates(f"cuda:{index}", device_seconds, launch_seconds)
        found.append(
            {
                "name": facts.name,
                "memory_bytes": facts.total_memory,
                "multiprocessors": facts.multi_processor_count,
                **rates,
            }
        )
    return found


def gpu_rates(device: str, seconds: Timer, launch: Callable[[], float]) -> dict[str, float]:
    """The rates of ``device`` in the units of ``machine.yaml``. ``seconds`` times a piece of its
    work, and ``launch`` returns the host's seconds for a launch.

    Single-precision products of square matrices; a copy within the device, bytes read and written;
    a copy to it from pinned memory. Matrices and arrays are at least a quarter of a GiB, so no
    cache holds them.
    """
    square = torch.ones(MATRIX, MATRIX, device=device)
    product_s = seconds(lambda: square @ square)
    source = torch.empty(COPIED_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copy_s = seconds(lambda: target.copy_(source))
    pinned = torch.empty(LINKED_BYTES, dtype=torch.uint8, pin_memory=torch.cuda.is_available())
    brought = source[:LINKED_BYTES]
    link_s = seconds(lambda: brought.copy_(pinned, non_blocking=True))
    return {
        "matmul_gflops": round(2 * MATRIX**3 / product_s / 1e9, 1),
        "bandwidth_gbps": round(2 * COPIED_BYTES / copy_s / 1e9, 2),
        "link_gbps": round(LINKED_BYTES / link_s / 1e9, 3),
        "launch_us": round(launch() * 1e6, 3),
    }


def device_seconds(work: Callable[[], object]) -> float:
    """Seconds of ``work`` on the present GPU, by events in its stream around it: the median of
    nine, after a first."""
    found: list[float] = []
    for _ in range(REPEATS + 1):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        end.synchronize()
        found.append(begin.elapsed_time(end) * 1e-3)
    return statistics.median(found[1:])


def launch_seconds() -> float:
    """The host's time to launch a kernel that does nothing (torch's own, which spins for a number
    of cycles), while the GPU keeps up: the median of nine times five hundred."""
    found = []
    for _ in range(REPEATS + 1):
        torch.cuda.synchronize()
        start_s = time.perf_counter()
        for _ in range(LAUNCHES):
            torch.cuda._sleep(0)
        found.append((time.perf_counter() - start_s) / LAUNCHES)
    torch.cuda.synchronize()
    return statistics.median(found[1:])
