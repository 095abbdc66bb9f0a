"""The models by name: configurations are data, and reading them needs no torch."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rmixer.errors import InputError, choice

if TYPE_CHECKING:
    from rmixer.models.base import RecommendationModel


@dataclass(frozen=True)
class ModelEntry:
    """One configuration of an architecture.

    ``architecture`` is ``module:Class`` of a :class:`rmixer.models.base.RecommendationModel`
    whose constructor takes ``config`` and ``rows_cap``; ``dataset`` names a module of
    ``rmixer.data``; ``corrections`` say where this configuration departs from the published
    code, and why.
    """

    name: str
    title: str
    paper: str
    architecture: str
    dataset: str
    batch: int
    optimizer: str
    lr: float
    config: dict[str, Any] = field(default_factory=dict)
    corrections: tuple[str, ...] = ()

    def load(self) -> type[RecommendationModel]:
        """The architecture's class; imports torch."""
        module, _, name = self.architecture.partition(":")
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


MODELS: dict[str, ModelEntry] = {
    entry.name: entry
    for entry in (
        ModelEntry(
            name="criteo_dlrm",
            title="DLRM",
            paper="Naumov et al. 2019, arXiv 1906.00091",
            architecture="rmixer.models.dlrm:DLRM",
            dataset="criteo_kaggle",
            batch=256,
            optimizer="adam",
            lr=0.001,
            config={
                "dense": 13,
                "fields": 26,
                "rows": 1_000_001,
                "embedding_dim": 16,
                "bottom_mlp": (512, 256, 64, 16),
                "top_mlp": (512, 256, 1),
            },
            corrections=(
                "one logit and sigmoid cross-entropy, as in the paper, instead of two",
                "no BatchNorm, as in the paper: with the ReLU it bounded the logit",
                "Adam at 0.001: at 0.1 it does not learn",
            ),
        ),
        ModelEntry(
            name="criteo_deepfm",
            title="DeepFM",
            paper="Guo et al. 2017, arXiv 1703.04247",
            architecture="rmixer.models.deepfm:DeepFM",
            dataset="criteo_kaggle",
            batch=512,
            optimizer="adam",
            lr=0.001,
            config={
                "dense": 13,
                "fields": 26,
                "rows": 1_000_001,
                "embedding_dim": 9,
                "mlp": (400, 400, 400, 1),
            },
            corrections=(
                "the paper's global bias w0 takes part in the sum",
                "id 0 is a row like any other, not padding: hashed ids reach it",
            ),
        ),
        ModelEntry(
            name="amazon_din",
            title="DIN",
            paper="Zhou et al. 2018, arXiv 1706.06978",
            architecture="rmixer.models.din:DIN",
            dataset="amazon_electronics",
            batch=32,
            optimizer="sgd",
            lr=0.85,
            config={
                "items": 63_001,
                "categories": 801,
                "history_max": 100,
                "item_dim": 64,
                "category_dim": 64,
                "attention_mlp": (80, 40, 1),
                "top_mlp": (80, 40, 1),
            },
            corrections=(
                "one item and one category table, as in the paper, instead of three of each",
                "the attention MLP is trained",
                "histories padded to 100, the newest kept, not to the longest of each batch",
            ),
        ),
    )
}


def model_entry(name: str) -> ModelEntry:
    """The entry of ``name``; raises :class:`InputError` with the nearest known name."""
    try:
        return MODELS[name]
    except KeyError:
        raise InputError("models", "name", repr(name), choice(name, MODELS)) from None
