"""The shapes of facebookresearch/dlrm's benchmarks and of MLPerf's, on Criteo's data."""

from __future__ import annotations

from rmixer.data.criteo_kaggle import CARDINALITIES
from rmixer.data.criteo_terabyte_shapes import MULTI_HOT, ROWS_10M, ROWS_40M, ROWS_MULTI_HOT
from rmixer.models.entry import ModelEntry

ENTRIES = (
    ModelEntry(
        name="dlrm_kaggle",
        title="DLRM, Criteo Kaggle",
        paper="Naumov et al. 2019, arXiv 1906.00091",
        architecture="rmixer.models.dlrm:DLRM",
        dataset="criteo_kaggle_fields",
        batch=128,
        optimizer="sgd",
        lr=0.1,
        config={
            "dense": 13,
            "rows": CARDINALITIES,
            "embedding_dim": 16,
            "bottom_mlp": (512, 256, 64, 16),
            "top_mlp": (512, 256, 1),
        },
    ),
    ModelEntry(
        name="dlrm_terabyte",
        title="DLRM, Criteo 1TB, at most 10M rows a table",
        paper="Naumov et al. 2019, arXiv 1906.00091",
        architecture="rmixer.models.dlrm:DLRM",
        dataset="criteo_terabyte_10m",
        batch=2048,
        optimizer="sgd",
        lr=0.1,
        config={
            "dense": 13,
            "rows": ROWS_10M,
            "embedding_dim": 64,
            "bottom_mlp": (512, 256, 64),
            "top_mlp": (512, 512, 256, 1),
        },
    ),
    ModelEntry(
        name="mlperf_dlrm",
        title="MLPerf DLRM",
        paper="Naumov et al. 2019, arXiv 1906.00091",
        architecture="rmixer.models.dlrm:DLRM",
        dataset="criteo_terabyte",
        batch=2048,
        optimizer="sgd",
        lr=1.0,
        config={
            "dense": 13,
            "rows": ROWS_40M,
            "embedding_dim": 128,
            "bottom_mlp": (512, 256, 128),
            "top_mlp": (1024, 1024, 512, 256, 1),
        },
    ),
    ModelEntry(
        name="mlperf_dlrm_dcnv2",
        title="MLPerf DLRM-DCNv2",
        paper="Wang et al. 2021, arXiv 2008.13535",
        architecture="rmixer.models.dlrm_dcn:DLRMDCN",
        dataset="criteo_terabyte_multi_hot",
        batch=8192,
        optimizer="adagrad",
        lr=0.005,
        optimizer_settings={"epsilon": 1e-8},
        config={
            "dense": 13,
            "rows": ROWS_MULTI_HOT,
            "bag_sizes": MULTI_HOT,
            "embedding_dim": 128,
            "bottom_mlp": (512, 256, 128),
            "cross_layers": 3,
            "cross_rank": 512,
            "top_mlp": (1024, 1024, 512, 256, 1),
        },
    ),
)
