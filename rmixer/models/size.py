"""How large a model is, without its memory."""

from __future__ import annotations

from dataclasses import dataclass

from rmixer.models.entry import ModelEntry

_OPTIMIZER_STATES = {"sgd": 0, "rowwise_adagrad": 0, "adagrad": 1, "adam": 2, "adamw": 2}
"""Floats that an optimizer keeps per parameter; row-wise Adagrad's one per row is left out."""


@dataclass(frozen=True)
class ModelSize:
    """Parameters, and the bytes of weights and optimizer state in single precision."""

    embedding_parameters: int
    dense_parameters: int
    weight_bytes: int
    optimizer_bytes: int

    @property
    def kept_bytes(self) -> int:
        """What is held from one step to the next."""
        return self.weight_bytes + self.optimizer_bytes


def model_size(
    entry: ModelEntry, rows_cap: int | None = None, optimizer: str | None = None
) -> ModelSize:
    """The size of ``entry`` with tables of at most ``rows_cap`` rows and with ``optimizer``, its
    own unless given. Imports torch."""
    import torch

    with torch.device("meta"):
        embedding, dense = entry.build(rows_cap).parameter_counts()
    weights = 4 * (embedding + dense)
    states = _OPTIMIZER_STATES[optimizer or entry.optimizer]
    return ModelSize(embedding, dense, weights, weights * states)
