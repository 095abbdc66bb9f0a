"""RMixer's models on the Amazon reviews."""

from __future__ import annotations

from rmixer.models.entry import ModelEntry

ENTRIES = (
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
            "dim": 64,
            "attention_mlp": (80, 40, 1),
            "top_mlp": (80, 40, 1),
        },
    ),
)
