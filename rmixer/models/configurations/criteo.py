"""RMixer's models on the Criteo Kaggle data."""

from __future__ import annotations

from rmixer.models.entry import ModelEntry

_HASHED = {"dense": 13, "fields": 26, "rows": 1_000_001}

ENTRIES = (
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
            **_HASHED,
            "embedding_dim": 16,
            "bottom_mlp": (512, 256, 64, 16),
            "top_mlp": (512, 256, 1),
        },
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
        config={**_HASHED, "embedding_dim": 9, "mlp": (400, 400, 400, 1)},
    ),
)
