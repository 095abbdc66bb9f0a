"""Recognises operators and kernels of communication between processes by their names."""

from __future__ import annotations

import re

_COMMUNICATES = re.compile(
    r"(_?c10d\w*|fsdp|symm_mem|ProcessGroup\w*)::"
    r"|torch(\.|::)distributed\b[\w.:]*::"
    r"|FSDP::(all_gather|reduce_scatter|all_reduce|post_backward_reduce)"
    r"|## ?(all2all|alltoall|all_gather|reduce_scatter|all_reduce)"
    r"|record_param_comms"
    r"|(nccl|rccl|gloo|mpi|ucc|xccl|hccl):"
    r"|(nccl|rccl|msccl)\w*Kernel"
)
_ASYNCHRONOUS = re.compile(r"(nccl|rccl|gloo|mpi|ucc|xccl|hccl):\w")


def is_communication(name: str) -> bool:
    """True if an event called ``name`` is communication: ``c10d::allreduce_``, ``nccl:all_reduce``,
    ``record_param_comms``, ``ncclDevKernel_AllReduce_Sum_f32_RING_LL``, or an event of
    ``torch.distributed`` (a reducer's copies)."""
    return bool(_COMMUNICATES.match(name))


def may_go_on(name: str) -> bool:
    """True if such an event may end after the call in which it begins (``gloo:all_reduce``): it
    lasts until the other processes have arrived."""
    return bool(_ASYNCHRONOUS.match(name))
