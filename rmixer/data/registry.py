"""The data sets by name: settings are data, and reading them needs no torch."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rmixer.data.criteo_terabyte_shapes import (
    MULTI_HOT,
    ROWS_10M,
    ROWS_40M,
    ROWS_MULTI_HOT,
)
from rmixer.data.deeprecsys_shapes import SHAPES
from rmixer.errors import InputError, choice

if TYPE_CHECKING:
    from rmixer.data.dataset import DataSet

SYNTHETIC = "synthetic"
"""The ``data`` of a job that trains on synthetic data in the shape of the real ones."""


@dataclass(frozen=True)
class DataSetEntry:
    """One data set: ``reader`` is ``module:Class`` of a :class:`rmixer.data.dataset.DataSet` whose
    constructor takes ``settings``; ``source`` says where to get the raw files."""

    name: str
    title: str
    reader: str
    source: str
    settings: dict[str, Any] = field(default_factory=dict)

    def load(self) -> DataSet:
        """Imports and makes the data set."""
        module, _, name = self.reader.partition(":")
        return getattr(importlib.import_module(module), name)(**self.settings)  # type: ignore[no-any-return]


DATASETS: dict[str, DataSetEntry] = {
    entry.name: entry
    for entry in (
        DataSetEntry(
            name="criteo_kaggle",
            title="Criteo Display Advertising Challenge (Kaggle, 2014)",
            reader="rmixer.data.criteo_kaggle:CriteoKaggle",
            source="kaggle.com/c/criteo-display-ad-challenge: train.txt",
        ),
        DataSetEntry(
            name="criteo_kaggle_fields",
            title="Criteo Kaggle with a table for each field, as dlrm's benchmark has it",
            reader="rmixer.data.criteo_kaggle_fields:CriteoKaggleFields",
            source="kaggle.com/c/criteo-display-ad-challenge: train.txt",
        ),
        DataSetEntry(
            name="criteo_terabyte",
            title="Criteo 1TB Click Logs, at most 40 million rows a table (MLPerf DLRM)",
            reader="rmixer.data.criteo_terabyte:CriteoTerabyte",
            source="huggingface.co/datasets/criteo/CriteoClickLogs: day_0 to day_23",
            settings={"rows": ROWS_40M},
        ),
        DataSetEntry(
            name="criteo_terabyte_10m",
            title="Criteo 1TB Click Logs, at most 10 million rows a table (dlrm)",
            reader="rmixer.data.criteo_terabyte:CriteoTerabyte",
            source="huggingface.co/datasets/criteo/CriteoClickLogs: day_0 to day_23",
            settings={"rows": ROWS_10M},
        ),
        DataSetEntry(
            name="criteo_terabyte_multi_hot",
            title="Criteo 1TB Click Logs with 214 ids a sample (MLPerf DLRM-DCNv2)",
            reader="rmixer.data.criteo_terabyte:CriteoTerabyte",
            source="huggingface.co/datasets/criteo/CriteoClickLogs: day_0 to day_23",
            settings={"rows": ROWS_MULTI_HOT, "multi_hot": MULTI_HOT},
        ),
        DataSetEntry(
            name="avazu",
            title="Avazu Click-Through Rate Prediction (Kaggle, 2014)",
            reader="rmixer.data.avazu:Avazu",
            source="kaggle.com/c/avazu-ctr-prediction: train.csv",
        ),
        DataSetEntry(
            name="amazon_electronics",
            title="Amazon product reviews 2014, Electronics 5-core",
            reader="rmixer.data.amazon_electronics:AmazonElectronics",
            source="McAuley group, UCSD: reviews_Electronics_5.json, meta_Electronics.json",
        ),
        *(
            DataSetEntry(
                name=f"deeprecsys_{shape}",
                title=f"inputs of DeepRecSys' {shape}",
                reader="rmixer.data.synthetic_clicks:SyntheticClicks",
                source="none: synthetic by definition",
                settings=settings,
            )
            for shape, settings in SHAPES.items()
        ),
        DataSetEntry(
            name="kdd2012_track2",
            title="KDD Cup 2012 Track 2, search advertisements of soso.com",
            reader="rmixer.data.kdd2012_track2:Kdd2012Track2",
            source="kaggle.com/c/kddcup2012-track2: training.txt",
        ),
        DataSetEntry(
            name="alimama",
            title="Ali Display Ad Click (Taobao, Tianchi data set 56)",
            reader="rmixer.data.alimama:Alimama",
            source="tianchi.aliyun.com dataset 56: four CSV files",
        ),
        DataSetEntry(
            name="amazon_beauty",
            title="Amazon Beauty as sequences of items",
            reader="rmixer.data.amazon_beauty:AmazonBeauty",
            source="github.com/FeiSun/BERT4Rec: data/beauty.txt",
        ),
    )
}


def dataset_entry(name: str) -> DataSetEntry:
    """The entry of ``name``; raises :class:`InputError` with the nearest known name."""
    try:
        return DATASETS[name]
    except KeyError:
        raise InputError("data sets", "name", repr(name), choice(name, DATASETS)) from None
