"""The work memory of a GPU's matrix library."""

from __future__ import annotations

import re
from typing import Any

import torch

LARGE_BYTES = 32 << 20
"""On Hopper and Blackwell,"""
ELSEWHERE_BYTES = 2 * (4096 << 10) + 8 * (16 << 10)
"""and on all others."""
_LARGE_ON = re.compile(r"\b(GH|H|B|GB)\d{2,3}\b")
_PRODUCTS = {
    getattr(torch.ops.aten, name)
    for name in ("mm", "addmm", "addmm_", "bmm", "baddbmm", "addmv", "addmv_", "mv", "dot")
}


def workspace_bytes(gpu_name: str | None, settings: str | None = None) -> int:
    """Bytes that torch's allocator holds for cuBLAS for each thread that asks it for a product,
    from the first one on, on a GPU of this name (None: one that is neither Hopper nor Blackwell).

    ``settings`` is ``CUBLAS_WORKSPACE_CONFIG`` if that is set, like ``:4096:2:16:8``: KiB and
    number of buffers. The default is that of PyTorch's ``aten/src/ATen/cuda/CublasHandlePool.cpp``;
    cublasLt takes its workspace from the same block.
    """
    if settings and (parts := re.findall(r":(\d+):(\d+)", settings)):
        return sum(int(kib) * 1024 * int(count) for kib, count in parts)
    return LARGE_BYTES if _LARGE_ON.search(gpu_name or "") else ELSEWHERE_BYTES


def is_product(operator: Any) -> bool:
    """True if ``operator``, with its overload, uses the matrix library."""
    return operator.overloadpacket in _PRODUCTS
