"""Fixed mixing functions: the same numbers in every process and on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_U64 = np.uint64


def mix64(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), a bijection of
    64-bit words; arithmetic is modulo 2^64."""
    word = keys + _U64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> _U64(30))) * _U64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> _U64(27))) * _U64(0x94D049BB133111EB)
    return np.asarray(word ^ (word >> _U64(31)), dtype=np.uint64)


def mix32(keys: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """MurmurHash3's 32-bit finaliser, a bijection of 32-bit words."""
    word = (keys ^ (keys >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    word = (word ^ (word >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return np.asarray(word ^ (word >> np.uint32(16)), dtype=np.uint32)


def unit_effects(keys: NDArray[np.uint64], salt: int) -> NDArray[np.float64]:
    """A fixed number per key with mean 0 and variance 1: the effects that twins plant.

    Uniform on ±sqrt(3): bounded, so that no single value decides a label."""
    bits = mix64(mix64(keys) ^ _U64(salt)) >> _U64(11)
    return np.asarray((bits / float(1 << 53) - 0.5) * 12**0.5, dtype=np.float64)
