"""RMixer's model on the Amazon Beauty sequences."""

from __future__ import annotations

from rmixer.models.entry import ModelEntry

ENTRIES = (
    ModelEntry(
        name="beauty_bert4rec",
        title="BERT4Rec",
        paper="Sun et al. 2019, arXiv 1904.06690",
        architecture="rmixer.models.bert4rec:BERT4Rec",
        dataset="amazon_beauty",
        batch=256,
        optimizer="adamw",
        lr=0.001,
        config={
            "items": 54_546,
            "history_max": 50,
            "slots": 8,
            "hidden": 64,
            "blocks": 2,
            "heads": 2,
            "feed_forward": 256,
            "embedding_dropout": 0.5,
            "dropout": 0.2,
        },
        optimizer_settings={"weight_decay": 0.01},
        clip_norm=5.0,
        metrics=("loss", "hit_rate_10", "ndcg_10", "mrr"),
    ),
)
