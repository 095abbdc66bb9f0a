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
    ModelEntry(
        name="amazon_dien",
        title="DIEN",
        paper="Zhou et al. 2019, arXiv 1809.03672",
        architecture="rmixer.models.dien:DIEN",
        dataset="amazon_electronics",
        batch=32,
        optimizer="sgd",
        lr=0.85,
        config={
            "items": 63_001,
            "categories": 801,
            "history_max": 100,
            "dim": 64,
            "gru_layers": 2,
            "attention_mlp": (80, 40, 1),
            "top_mlp": (80, 40, 1),
            "auxiliary_weight": 1.0,
        },
    ),
    ModelEntry(
        name="amazon_bst",
        title="BST",
        paper="Chen et al. 2019, arXiv 1905.06874",
        architecture="rmixer.models.bst:BST",
        dataset="amazon_electronics",
        batch=64,
        optimizer="adagrad",
        lr=0.001,
        config={
            "users": 192_403,
            "items": 63_001,
            "categories": 801,
            "days": 5_001,
            "history_max": 100,
            "dim": 96,
            "heads": 6,
            "feed_forward": 512,
            "dropout": 0.2,
            "top_mlp": (1024, 512, 256, 1),
        },
    ),
)
