"""Synthetic clicks in the shape of a model that was published without data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from rmixer.data.arrays import Chunks, Column
from rmixer.data.dataset import DataSet, RawReader
from rmixer.data.hashing import unit_effects
from rmixer.data.planted import PlantedTruth
from rmixer.data.zipf import zipf_ranks
from rmixer.errors import InputError

MOST_BYTES = 80_000_000
MOST_SAMPLES = 150_000

_SEED = 20200530
_CHUNK_BYTES = 16_000_000
_EXPONENT = 1.2
_POSITIVE_RATE = 0.3
_FACTORS = 8
_NOISE = 0.5
_DENSE_WEIGHT = 1.5
_IDS_WEIGHT = 2.0
_SCATTER = np.uint64(2_654_435_761)


class SyntheticClicks(DataSet):
    """``dense`` features, ``look_ups`` ids of each table of ``rows`` rows, ``tasks`` labels.

    Ids are drawn by Zipf laws of exponent 1.2 and scattered over their table. Both are
    assumptions: DeepRecSys draws its inputs at random. Dense features are views of eight hidden
    factors, with noise: real ones are correlated too, and a few hundred steps could not learn
    thousands of independent ones.

    Planted truth: logit = bias + 1.5 × a direction of the factors + 2.0 × Σ tables, each the mean
    effect of its ids times √look_ups, over √tables; each task has a direction and effects of its
    own. 30% of each task's labels are positive. There are as many samples as fit into 80 MB, at
    most 150,000; the last eighth is held out.
    """

    def __init__(self, dense: int, rows: Sequence[int], look_ups: int, tasks: int = 1) -> None:
        self._dense, self._rows, self._look_ups, self._tasks = dense, tuple(rows), look_ups, tasks
        places = tuple(length for length in self._rows for _ in range(look_ups))
        label = Column("uint8", "float32", tasks if tasks > 1 else 0)
        self.columns = {"ids": Column("int32", "int64", len(places), places), "label": label}
        if dense:
            self.columns = {"dense": Column("float32", "float32", dense), **self.columns}
        self._sample_bytes = 4 * (dense + len(places)) + tasks
        self.samples = min(MOST_SAMPLES, MOST_BYTES // self._sample_bytes)

    def twin(self) -> Chunks:
        samples = self.samples
        rng = np.random.default_rng(_SEED)
        logits = np.zeros((samples, self._tasks))
        views = rng.standard_normal((_FACTORS, self._dense), dtype=np.float32) / _FACTORS**0.5
        directions = rng.standard_normal((_FACTORS, self._tasks))
        directions *= _DENSE_WEIGHT / np.linalg.norm(directions, axis=0)
        factors = rng.standard_normal((samples, _FACTORS), dtype=np.float32)
        if self._dense:
            logits += factors @ directions
        ids = np.empty((samples, len(self._rows) * self._look_ups), dtype=np.int32)
        for table, rows in enumerate(self._rows):
            ranks = zipf_ranks(rows, _EXPONENT, rng, samples * self._look_ups)
            logits += self._effects(table, ranks).reshape(samples, self._look_ups, -1).sum(1)
            at = slice(table * self._look_ups, (table + 1) * self._look_ups)
            scattered = ranks.astype(np.uint64) * _SCATTER % np.uint64(rows)
            ids[:, at] = scattered.reshape(samples, self._look_ups)
        labels = self._labels(logits, rng)
        step = max(1, _CHUNK_BYTES // self._sample_bytes)
        for start in range(0, samples, step):
            part = slice(start, start + step)
            chunk: dict[str, NDArray[Any]] = {"ids": ids[part], "label": labels[part]}
            if self._dense:
                dense = factors[part] @ views
                dense += _NOISE * rng.standard_normal(dense.shape, dtype=np.float32)
                chunk["dense"] = dense
            yield chunk
        return samples - samples // 8

    def raw_files(self, data: Path) -> tuple[Path, ...]:
        """Raises :class:`InputError`: there are no raw files."""
        self._refuse(data)

    def read(self, raw: RawReader) -> Chunks:
        """Raises :class:`InputError`: there is nothing to read."""
        self._refuse(raw.data)

    def _effects(self, table: int, ranks: NDArray[np.int64]) -> NDArray[np.float64]:
        """The contribution of each id to each task's logit, [n, tasks]."""
        keys = np.uint64(table + 1) << np.uint64(32) | ranks.astype(np.uint64)
        effects = [unit_effects(keys, task + 1) for task in range(self._tasks)]
        weight = _IDS_WEIGHT / (self._look_ups * len(self._rows)) ** 0.5
        return np.asarray(weight * np.stack(effects, axis=1), dtype=np.float64)

    def _labels(self, logits: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint8]:
        tasks = []
        for of_task in logits.T:
            truth = PlantedTruth(len(of_task))
            truth.add(of_task)
            tasks.append(truth.labels(_POSITIVE_RATE, rng))
        return np.stack(tasks, axis=1) if self._tasks > 1 else tasks[0]

    @staticmethod
    def _refuse(data: Path) -> NoReturn:
        allowed = "no data: this model was published with inputs at random, and has no raw files"
        raise InputError(data, "", "raw files for a synthetic data set", allowed)
