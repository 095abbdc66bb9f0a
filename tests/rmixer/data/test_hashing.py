"""The fixed hashes: published values, and no two inputs with one output."""

from __future__ import annotations

import numpy as np

from rmixer.data.hashing import mix32, mix64, unit_effects


def test_mix64_gives_splitmix64s_published_first_outputs() -> None:
    # SplitMix64 seeded with 0 hashes 0, then 1 golden ratio further, then 2.
    steps = (np.arange(3) * np.uint64(1)).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [int(word) for word in mix64(steps)] == expected


def test_mix32_is_murmur3s_finaliser_and_collides_nowhere() -> None:
    word = 12345
    word = ((word ^ word >> 16) * 0x85EBCA6B) & 0xFFFFFFFF
    word = ((word ^ word >> 13) * 0xC2B2AE35) & 0xFFFFFFFF
    assert int(mix32(np.array([12345], dtype=np.uint32))[0]) == word ^ word >> 16
    assert np.unique(mix32(np.arange(1_000_000, dtype=np.uint32))).size == 1_000_000


def test_effects_have_mean_0_and_variance_1_and_differ_by_salt() -> None:
    keys = np.arange(200_000, dtype=np.uint64)
    one, other = unit_effects(keys, 1), unit_effects(keys, 2)
    assert abs(one.mean()) < 0.01
    assert abs(one.var() - 1.0) < 0.01
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.01
