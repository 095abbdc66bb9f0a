"""The planted truth of a synthetic twin's labels: effects that are fixed by a hash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rmixer.data.hashing import mix32, unit_effects
from rmixer.data.zipf import zipf_ranks

_FIELD_SALT, _PAIR_SALT = 1, 2


class PlantedTruth:
    """The log-odds of each of a twin's samples, a sum to which terms are added.

    ``values`` have shape [samples, fields] and are below 2^32: any number for a value, such as its
    Zipf rank or the 32-bit text that the reader would hash. Fields count from 1.
    """

    def __init__(self, samples: int) -> None:
        self.logits: NDArray[np.float64] = np.zeros(samples)

    def add(self, terms: NDArray[np.floating]) -> None:
        """Adds ``terms``, shape [samples], unchanged."""
        self.logits += terms

    def add_fields(self, values: NDArray[np.integer], weight: float) -> None:
        """``weight`` × Σ fields effect(field, value): of mean 0 and variance 1 each."""
        self.logits += weight * unit_effects(_keys(values), _FIELD_SALT).sum(axis=1)

    def add_pairs(
        self, values: NDArray[np.integer], pairs: Iterable[tuple[int, int]], weight: float
    ) -> None:
        """``weight`` × Σ pairs effect(one, its value) × effect(other, its value)."""
        keys = _keys(values)
        for one, other in pairs:
            effects = unit_effects(keys[:, [one - 1, other - 1]], _PAIR_SALT)
            self.logits += weight * effects.prod(axis=1)

    def labels(self, rate: float, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A label for each sample, with the bias that makes a share ``rate`` of them 1."""
        chance = _sigmoid(self.logits + bias_for(self.logits, rate))
        return (rng.random(len(self.logits)) < chance).astype(np.uint8)


def bias_for(logits: NDArray[np.float64], rate: float) -> float:
    """The bias with which the mean of sigmoid(``logits`` + bias) is ``rate``, by bisection."""
    low, high = -30.0, 30.0
    for _ in range(50):
        middle = (low + high) / 2
        mean = float(_sigmoid(logits + middle).mean())
        low, high = (middle, high) if mean < rate else (low, middle)
    return (low + high) / 2


def zipf_fields(
    cardinalities: Sequence[int],
    exponents: float | Sequence[float],
    rng: np.random.Generator,
    samples: int,
) -> NDArray[np.uint32]:
    """Ranks from 1 of each field's values, shape [samples, fields], by a Zipf law each."""
    if isinstance(exponents, float):
        exponents = [exponents] * len(cardinalities)
    ranks = np.empty((samples, len(cardinalities)), dtype=np.uint32)
    for field, (rows, exponent) in enumerate(zip(cardinalities, exponents, strict=True)):
        ranks[:, field] = zipf_ranks(rows, exponent, rng, samples)
    return ranks


def scattered(ranks: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Ranks as 32-bit values in no order, as a raw file's hashed texts are; a bijection."""
    return mix32(ranks)


def _keys(values: NDArray[np.integer]) -> NDArray[np.uint64]:
    fields = np.arange(1, values.shape[1] + 1, dtype=np.uint64) << np.uint64(32)
    return np.asarray(fields | values.astype(np.uint64), dtype=np.uint64)


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-logits)), dtype=np.float64)
