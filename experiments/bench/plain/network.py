"""The base of plain networks: the function of one of our models, written directly from its
paper."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from rmixer.models.base import RecommendationModel


class PlainNetwork(nn.Module, ABC):
    """Everything of ``model`` except its embedding tables, built from modules of torch.

    Batches and rows are those of the model. ``__init__`` takes the model for its sizes;
    :meth:`copy_weights` gives the network the model's weights.
    """

    def __init__(self, model: RecommendationModel) -> None:
        super().__init__()
        self.config: dict[str, Any] = model.config

    @abstractmethod
    def logits(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        """Logits, shape [B]."""

    def loss(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        """The loss of the model."""
        return binary_cross_entropy_with_logits(self.logits(batch, rows).float(), batch["label"])

    def renamed(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The model's dense parameters, or their gradients, under the names and in the layout that
        they have here. Linear in each: slices, transposes, signs, zeros for parts that the model
        leaves out because they change nothing."""
        return dict(ours)

    @torch.no_grad()
    def copy_weights(self, model: RecommendationModel) -> None:
        """Takes the weights of ``model``. Raises ``ValueError`` if one has no place here, or a
        place has no weight."""
        given = self.renamed(dense_parameters(model))
        own = dict(self.named_parameters())
        if given.keys() != own.keys():
            raise ValueError(f"not in both networks: {sorted(given.keys() ^ own.keys())}")
        for name, parameter in own.items():
            if parameter.shape != given[name].shape:
                raise ValueError(f"{name}: {given[name].shape} given for {parameter.shape}")
            parameter.copy_(given[name])


def dense_parameters(model: RecommendationModel) -> dict[str, Tensor]:
    """The parameters of ``model`` that its dense optimizer trains, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def layers(
    inputs: int,
    widths: Sequence[int],
    activation: Callable[[], nn.Module],
    activate_last: bool = False,
) -> nn.Sequential:
    """Linear layers ``inputs`` -> ``widths``, an activation after each but the last (or after
    that one too)."""
    found: list[nn.Module] = []
    for before, after in pairwise((inputs, *widths)):
        found += [nn.Linear(before, after), activation()]
    return nn.Sequential(*(found if activate_last else found[:-1]))


def with_names(
    ours: Mapping[str, Tensor], parts: Mapping[str, str], tables: Collection[str] = ()
) -> dict[str, Tensor]:
    """``ours`` with each of the ``parts`` of its names replaced. Those named as one of ``tables``
    are the weights of an embedding here."""
    found = {}
    for name, value in ours.items():
        for old, new in parts.items():
            name = name.replace(old, new)
        found[f"{name}.weight" if name in tables else name] = value
    return found
