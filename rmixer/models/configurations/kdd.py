"""RMixer's model on the KDD Cup 2012 data."""

from __future__ import annotations

from rmixer.models.entry import ModelEntry

ENTRIES = (
    ModelEntry(
        name="kdd_dpin",
        title="DPIN",
        paper="Huang et al. 2021, arXiv 2106.05482",
        architecture="rmixer.models.dpin:DPIN",
        dataset="kdd2012_track2",
        batch=512,
        optimizer="sgd",
        lr=0.05,
        metrics=("loss", "auc", "pauc"),
        config={
            "users": 455_565,
            "ads": 455_565,
            "advertisers": 14_616,
            "positions": 3,
            "history_max": 10,
            "dim": 8,
            "interest": 16,
            "d_model": 64,
            "heads": 2,
            "blocks": 12,
            "base_mlp": (1024, 512, 128),
            "combination_mlp": (128, 1),
        },
    ),
)
