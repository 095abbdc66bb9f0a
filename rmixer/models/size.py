"""The size of a model, and its smallest batch, without building it in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmixer.errors import InputError
from rmixer.models.built_sizes import BUILT_SIZES, BuiltSize
from rmixer.models.entry import ModelEntry
from rmixer.models.registry import MODELS

if TYPE_CHECKING:
    from rmixer.models.base import RecommendationModel

_OPTIMIZER_STATES = {"sgd": 0, "rowwise_adagrad": 0, "adagrad": 1, "adam": 2, "adamw": 2}
"""Floats that an optimizer keeps per parameter; row-wise Adagrad's one per row is ignored."""


@dataclass(frozen=True)
class ModelSize:
    """Parameters, and the bytes of weights and optimizer state in single precision."""

    embedding_parameters: int
    dense_parameters: int
    weight_bytes: int
    optimizer_bytes: int

    @property
    def kept_bytes(self) -> int:
        """Bytes held from one step to the next."""
        return self.weight_bytes + self.optimizer_bytes


def model_size(
    entry: ModelEntry, rows_cap: int | None = None, optimizer: str | None = None
) -> ModelSize:
    """The size of ``entry`` with tables of at most ``rows_cap`` rows and with ``optimizer`` (in the
    form of :attr:`~rmixer.workload.workload.Job.optimizer_kind`; None: its configured one). Imports
    torch for capped tables, and for a model that is not in the registry."""
    if rows_cap is None:
        found = _known(entry) or built_size(entry)
        embedding, dense = found.embedding_parameters, found.dense_parameters
    else:
        embedding, dense = _weightless(entry, rows_cap).parameter_counts()
    weights = 4 * (embedding + dense)
    kind, *settings = (optimizer or entry.optimizer).split("+")
    states = _OPTIMIZER_STATES[kind] + ("momentum" in settings)
    return ModelSize(embedding, dense, weights, weights * states)


def check_batch(entry: ModelEntry, batch: int) -> None:
    """Raises :class:`InputError` if ``batch`` is too small to train on: normalisation over the
    batch takes two samples."""
    if batch == 1 and (_known(entry) or built_size(entry)).normalises:
        allowed = "two samples or more: it normalises over the batch"
        raise InputError(entry.name, "batch", batch, allowed)


def built_size(entry: ModelEntry) -> BuiltSize:
    """The size of ``entry`` when built. Imports torch."""
    from torch.nn.modules.batchnorm import _BatchNorm

    model = _weightless(entry, None)
    normalises = any(isinstance(layer, _BatchNorm) for layer in model.modules())
    return BuiltSize(*model.parameter_counts(), normalises)


def _known(entry: ModelEntry) -> BuiltSize | None:
    return BUILT_SIZES.get(entry.name) if MODELS.get(entry.name) == entry else None


def _weightless(entry: ModelEntry, rows_cap: int | None) -> RecommendationModel:
    import torch

    with torch.device("meta"):
        return entry.build(rows_cap)
