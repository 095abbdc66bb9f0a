"""The data sets by name: settings are data, and reading them needs no torch."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

from rmixer.data.dataset import DataSet
from rmixer.errors import InputError, choice


@dataclass(frozen=True)
class DataSetEntry:
    """One data set: ``reader`` is ``module:Class`` of a :class:`rmixer.data.dataset.DataSet`
    whose constructor takes ``settings``; ``source`` says where the raw files come from."""

    name: str
    title: str
    reader: str
    source: str
    settings: dict[str, Any] = field(default_factory=dict)

    def load(self) -> DataSet:
        """The data set itself."""
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
            name="amazon_electronics",
            title="Amazon product reviews 2014, Electronics 5-core",
            reader="rmixer.data.amazon_electronics:AmazonElectronics",
            source="McAuley group, UCSD: reviews_Electronics_5.json, meta_Electronics.json",
        ),
    )
}


def dataset_entry(name: str) -> DataSetEntry:
    """The entry of ``name``; raises :class:`InputError` with the nearest known name."""
    try:
        return DATASETS[name]
    except KeyError:
        raise InputError("data sets", "name", repr(name), choice(name, DATASETS)) from None
