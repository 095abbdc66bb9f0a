"""The models of a bench, and the largest tables that fit its memory."""

from __future__ import annotations

import torch

from rmixer.models.entry import ModelEntry
from rmixer.models.registry import MODELS, model_entry

STATES = {"sgd": 1, "rowwise_adagrad": 1, "adagrad": 2, "adam": 3, "adamw": 3}
"""Values that an optimizer holds of each weight, the weight among them."""


def chosen_entries(models: str | None) -> list[ModelEntry]:
    """The named models (``criteo_dlrm,rm1``), or all."""
    return [model_entry(name) for name in (models.split(",") if models else MODELS)]


def fitting_cap(entry: ModelEntry, most_bytes: float) -> int | None:
    """The largest power of ten (or none) that bounds the tables so that two steps of ``entry``
    hold at most ``most_bytes`` of weights and states."""
    caps: tuple[int | None, ...] = (None, 10**8, 10**7, 10**6, 10**5, 10**4)
    for cap in caps:
        with torch.device("meta"):
            parameters = sum(entry.build(cap).parameter_counts())
        if 2 * 4 * parameters * STATES[entry.optimizer] <= most_bytes:
            return cap
    return caps[-1]
