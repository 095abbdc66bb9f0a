"""A stand-in for a GPU that is not there: torch's ``meta`` device, whose tensors have shapes and no
memory. The step's code asks of a device only whether it is the CPU, so it goes the GPU's way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch.optim import optimizer
from torch.utils import _foreach_utils

from profiles.memory.gpu_attention import FusedAttention
from rmixer.models.base import RecommendationModel
from rmixer.models.entry import ModelEntry

STAND_IN = "meta"


@contextmanager
def absent_gpu() -> Iterator[None]:
    """Until it ends, models are built on the stand-in, which has what the step asks a GPU for. No
    driver is asked: it works in a torch without CUDA, and brings up no context in one with it.

    Tensors of several parameters are worked on at once, as torch does on GPUs alone. Random numbers
    are never drawn, so that a generator of the CPU does. Attention is fused. There is no mixed
    precision: it is the caller's to refuse.
    """
    supported = "_get_foreach_kernels_supported_devices"
    with ExitStack() as stack:
        for place in (_foreach_utils, optimizer):
            stack.enter_context(patch.object(place, supported, lambda: [STAND_IN]))
        stack.enter_context(patch.object(torch, "Generator", _HostGenerator))
        stack.enter_context(patch.object(torch, "autocast", _Autocast))
        stack.enter_context(patch.object(torch, "is_autocast_enabled", _is_autocast_enabled))
        stack.enter_context(patch.object(ModelEntry, "build", _build))
        stack.enter_context(FusedAttention())
        yield


_is_enabled, _build_on_host = torch.is_autocast_enabled, ModelEntry.build


def _build(entry: ModelEntry, rows_cap: int | None = None) -> RecommendationModel:
    """On the stand-in at once: moved there from the host, tables would be made first."""
    with torch.device(STAND_IN):
        return _build_on_host(entry, rows_cap)


def _is_autocast_enabled(kind: str) -> bool:
    return kind != STAND_IN and _is_enabled(kind)


class _HostGenerator(torch.Generator):
    def __new__(cls, device: Any = "cpu") -> _HostGenerator:
        return super().__new__(cls, "cpu")  # type: ignore[call-arg]


class _Autocast(torch.autocast):
    def __init__(self, device_type: str, dtype: Any = None, enabled: bool = True) -> None:
        on_host = device_type == STAND_IN
        super().__init__("cpu" if on_host else device_type, dtype, enabled and not on_host)
