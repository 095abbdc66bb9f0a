"""DeepRecSys' eight models (ISCA 2020, arXiv 2001.02772).

They come for inference only; ours are trained by Adagrad at 0.01 in batches of 256.
"""

from __future__ import annotations

from typing import Any

from rmixer.models.entry import ModelEntry

_WIDE = 0.1
"""The start value of Adagrad's accumulator for models in which hundreds of inputs, or the rows of a
bag, move together in the first steps; TensorFlow's default."""


def _entry(
    name: str, title: str, paper: str, architecture: str, accumulator: float = 0.0, **config: Any
) -> ModelEntry:
    return ModelEntry(
        name=name,
        title=title,
        paper=paper,
        architecture=f"rmixer.models.{architecture}",
        dataset=f"deeprecsys_{name}",
        batch=256,
        optimizer="adagrad",
        lr=0.01,
        config=config,
        optimizer_settings={"initial_accumulator": accumulator},
    )


ENTRIES = (
    _entry(
        "rm1",
        "DLRM-RM1",
        "Gupta et al. 2020, arXiv 1906.03109",
        "dlrm:DLRM",
        accumulator=_WIDE,
        dense=128,
        rows=(4_000_000,) * 8,
        bag_sizes=(80,) * 8,
        embedding_dim=32,
        bottom_mlp=(64, 32),
        interaction="concat",
        top_mlp=(256, 64, 1),
    ),
    _entry(
        "rm2",
        "DLRM-RM2",
        "Gupta et al. 2020, arXiv 1906.03109",
        "dlrm:DLRM",
        accumulator=_WIDE,
        dense=256,
        rows=(500_000,) * 32,
        bag_sizes=(120,) * 32,
        embedding_dim=64,
        bottom_mlp=(128, 64),
        interaction="concat",
        top_mlp=(128, 64, 1),
    ),
    _entry(
        "rm3",
        "DLRM-RM3",
        "Gupta et al. 2020, arXiv 1906.03109",
        "dlrm:DLRM",
        accumulator=_WIDE,
        dense=2560,
        rows=(2_000_000,) * 10,
        bag_sizes=(20,) * 10,
        embedding_dim=32,
        bottom_mlp=(1024, 256, 32),
        interaction="concat",
        top_mlp=(512, 256, 1),
    ),
    _entry(
        "wnd",
        "Wide & Deep",
        "Cheng et al. 2016, arXiv 1606.07792",
        "multi_task_wide_deep:MultiTaskWideDeep",
        accumulator=_WIDE,
        dense=512,
        rows=(1_000_000,) * 27,
        embedding_dim=32,
        bottom_mlp=(1024, 512, 256),
        task_mlp=(1,),
        tasks=1,
    ),
    _entry(
        "mtwnd",
        "Multi-task Wide & Deep",
        "Zhao et al. 2019, doi 10.1145/3298689.3346997",
        "multi_task_wide_deep:MultiTaskWideDeep",
        accumulator=_WIDE,
        dense=512,
        rows=(*(500_000,) * 41, 5_000_000, 5_000_000),
        embedding_dim=32,
        bottom_mlp=(1024, 512),
        task_mlp=(256, 128, 1),
        tasks=2,
    ),
    _entry(
        "ncf",
        "NeuMF",
        "He et al. 2017, arXiv 1708.05031",
        "ncf:NCF",
        users=140_000,
        items=28_000,
        dim=64,
        mlp=(256, 256, 128, 64),
    ),
    _entry(
        "din",
        "DIN",
        "Zhou et al. 2018, arXiv 1706.06978",
        "deeprecsys_din:DeepRecSysDIN",
        rows=(1_000_000, 100_000, 10_000_000, 10_000_000),
        bag_sizes=(3,) * 4,
        embedding_dim=32,
        attention_mlp=(1, 32),
        top_mlp=(200, 80, 1),
    ),
    _entry(
        "dien",
        "DIEN",
        "Zhou et al. 2019, arXiv 1809.03672",
        "deeprecsys_dien:DeepRecSysDIEN",
        rows=(*(500_000,) * 41, 5_000_000, 5_000_000),
        embedding_dim=32,
        hidden=64,
        top_mlp=(200, 80, 1),
    ),
)
