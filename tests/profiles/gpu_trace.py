"""A Chrome trace of two steps on a GPU, written by hand: what the profiler would have recorded.

Both steps are alike but for one kernel. In microseconds since the step's start:

    main thread    to 10-40 (copy call 20-30), linear 50-90 (addmm 55-85, launches 60-65 and
                   70-76), item 100-160 (copy call 105-110, waiting 112-115), empty 180-185,
                   SGD.step 300-350: add_ 310-330 (launch 315-318)
    second thread  AddmmBackward0: mm 205-225 (launch 210-214)
    device         copy 25-33; kernels 66-86 and 87-97 (107 in the second step); copy 111-113;
                   kernels 215-245, 320-330
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Event = dict[str, Any]
STEP_US = 1000.0
MAIN, SECOND = 11, 12


def event(name: str, cat: str, start: float, end: float, tid: int = MAIN, **args: Any) -> Event:
    """One complete event from ``start`` to ``end``; of the device where ``cat`` says so."""
    device = cat in ("kernel", "gpu_memcpy", "gpu_memset")
    place = {"pid": 0, "tid": 7} if device else {"pid": 10, "tid": tid}
    if device:
        args = {"device": 0, "stream": 7, **args}
    dur = round(end - start, 3)
    return {"ph": "X", "cat": cat, "name": name, "ts": start, "dur": dur, **place, "args": args}


def step(number: int, at: float, slower: float = 0.0) -> list[Event]:
    """One step that begins at ``at``; correlations and sequence numbers go on with ``number``."""
    first, seq = 10 * number, 100 * number

    def on(name: str, cat: str, start: float, end: float, tid: int = MAIN, **args: Any) -> Event:
        return event(name, cat, at + start, at + end, tid, **args)

    def call(name: str, start: float, end: float, which: int, tid: int = MAIN) -> Event:
        return on(name, "cuda_runtime", start, end, tid, correlation=first + which)

    def done(name: str, cat: str, start: float, end: float, which: int) -> Event:
        return on(name, cat, start, end, correlation=first + which)

    node = {"Sequence number": seq + 6, "Fwd thread id": 1}
    recorded = {"Sequence number": seq + 6, "Fwd thread id": 0}
    linear = {
        "Sequence number": seq + 5,
        "Fwd thread id": 0,
        "Input Dims": [[8, 4], [2, 4], [2]],
        "Input type": ["float", "float", "float"],
    }
    return [
        on(f"ProfilerStep#{number}", "user_annotation", 0.0, STEP_US),
        on(f"ProfilerStep#{number}", "gpu_user_annotation", 25.0, 330.0),
        on("aten::to", "cpu_op", 10.0, 40.0),
        call("cudaMemcpyAsync", 20.0, 30.0, 1),
        done("Memcpy HtoD (Pinned -> Device)", "gpu_memcpy", 25.0, 33.0, 1),
        on("aten::linear", "cpu_op", 50.0, 90.0, **linear),
        on("aten::addmm", "cpu_op", 55.0, 85.0, **recorded),
        call("cudaLaunchKernel", 60.0, 65.0, 2),
        call("cudaLaunchKernel", 70.0, 76.0, 3),
        done("gemm", "kernel", 66.0, 86.0, 2),
        done("bias", "kernel", 87.0, 97.0 + slower, 3),
        on("aten::item", "cpu_op", 100.0, 160.0),
        call("cudaMemcpyAsync", 105.0, 110.0, 4),
        on("cudaStreamSynchronize", "cuda_runtime", 112.0, 115.0, correlation=first + 9),
        done("Memcpy DtoH (Device -> Pageable)", "gpu_memcpy", 111.0, 113.0, 4),
        on("aten::empty", "cpu_op", 180.0, 185.0),
        on("autograd::engine::evaluate_function: AddmmBackward0", "cpu_op", 200.0, 250.0, SECOND,
           **node),
        on("AddmmBackward0", "cpu_op", 202.0, 242.0, SECOND, **node),
        on("aten::mm", "cpu_op", 205.0, 225.0, SECOND),
        call("cudaLaunchKernel", 210.0, 214.0, 5, SECOND),
        done("gemm", "kernel", 215.0, 245.0, 5),
        on("Optimizer.step#SGD.step", "user_annotation", 300.0, 350.0),
        on("aten::add_", "cpu_op", 310.0, 330.0),
        call("cudaLaunchKernel", 315.0, 318.0, 6),
        done("axpy", "kernel", 320.0, 330.0, 6),
    ]  # fmt: skip


def two_steps() -> list[Event]:
    """The events of both steps."""
    return [*step(1, 5000.0), *step(2, 6000.0, slower=10.0)]


def write_trace(path: Path, events: list[Event]) -> Path:
    """A trace file as the profiler writes it."""
    devices = [{"id": 0, "name": "Example GPU", "numSms": 100}]
    data = {"schemaVersion": 1, "deviceProperties": devices, "cuda_driver_version": 13000}
    path.write_text(json.dumps({**data, "traceEvents": events}))
    return path
