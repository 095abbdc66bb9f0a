"""RMixer's model on Alibaba's display advertisements."""

from __future__ import annotations

from rmixer.models.entry import ModelEntry

ENTRIES = (
    ModelEntry(
        name="alidisplay_dmr",
        title="DMR",
        paper="Lyu et al. 2020, doi 10.1609/aaai.v34i01.5346",
        architecture="rmixer.models.dmr:DMR",
        dataset="alimama",
        batch=512,
        optimizer="adam",
        lr=0.008,
        config={
            "ids": (1_141_730, 846_812, 12_978, 461_529, 423_437, 255_876),
            "levels": (97, 13, 3, 7, 4, 4, 3, 5, 2),
            "kinds": 5,
            "history_max": 50,
            "dim": 32,
            "small_dim": 8,
            "attention_mlp": (80, 40, 1),
            "mlp": (512, 256, 128, 1),
            "match_weight": 0.1,
        },
    ),
)
