"""Separates operators that do work from operators that only call other operators."""

from __future__ import annotations

from functools import cache

_ALL_IT_IS = "CompositeImplicitAutograd"
_ALL_IT_DOES = "CompositeExplicitAutograd"
_OF_A_PROCESSOR = ("CPU", "CUDA", "MkldnnCPU")
_BY_ANOTHER = frozenset(("aten::_embedding_bag_backward",))
"""Operators with a kernel that only chooses between two other operators."""


@cache
def has_own_kernel(name: str) -> bool:
    """True if operator ``name`` (``aten::mm``) does more than the operators that it calls: torch
    has a kernel for it (PyTorch, "native_functions.yaml": ``dispatch``), or does not know it."""
    if name in _BY_ANOTHER:
        return False
    import torch  # not above: what is known without asking torch is known without importing it

    namespace, _, plain = name.partition("::")
    packet = getattr(torch.ops.aten, plain, None) if namespace == "aten" and plain else None
    if packet is None:
        return True
    try:
        return any(_is_native(name, overload) for overload in packet.overloads())
    except (AttributeError, RuntimeError):
        return True


def _is_native(name: str, overload: str) -> bool:
    full = name if overload == "default" else f"{name}.{overload}"
    try:
        if _has(full, _ALL_IT_IS):
            return False
        return any(_has(full, key) for key in _OF_A_PROCESSOR) or not _has(full, _ALL_IT_DOES)
    except RuntimeError:  # of numbers, not of tensors: such an overload is no operator
        return False


def _has(full: str, key: str) -> bool:
    import torch

    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key  # type: ignore[attr-defined]
    return bool(has_kernel(full, key))
