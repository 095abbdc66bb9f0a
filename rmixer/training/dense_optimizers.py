"""Torch's optimizers for dense parameters, under the names of the tables' optimizers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from rmixer.training.row_optimizers import check_settings

_TORCH_NAMES = {"epsilon": "eps", "initial_accumulator": "initial_accumulator_value"}


def make_dense_optimizer(
    kind: str, parameters: Iterable[Tensor], lr: float, fused: bool, **settings: Any
) -> torch.optim.Optimizer:
    """The optimizer ``kind`` for dense ``parameters``.

    Kinds, settings and errors are those of :func:`make_row_optimizer`. ``rowwise_adagrad`` is
    Adagrad element by element, because every batch uses all of a dense parameter. ``fused`` selects
    torch's fused kernels: one pass over each parameter.
    """
    check_settings(kind, settings)
    kinds: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "sgd": torch.optim.SGD,
        "adagrad": torch.optim.Adagrad,
        "rowwise_adagrad": torch.optim.Adagrad,
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
    }
    named: dict[str, Any] = {_TORCH_NAMES.get(key, key): value for key, value in settings.items()}
    return kinds[kind](parameters, lr=lr, fused=fused, **named)
