"""A stand-in for a GPU that is not there: torch's ``meta`` device, whose tensors have shapes but no
memory. The step's code only asks if a device is the CPU, so it follows the GPU's path."""

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
    """Until it ends, models are built on the stand-in, which has all that the step needs of a GPU.
    It asks no driver: it works in a torch without CUDA, and creates no context in one with it.

    Tensors of several parameters are handled at once, as torch does only on GPUs. Random numbers
    are never drawn, so a generator of the CPU is enough. Attention is fused. There is no mixed
    precision: the caller must refuse it.
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
    """Builds the model directly on the stand-in; moving it there from the host would create its
    tables first."""
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
