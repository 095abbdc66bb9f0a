"""Tables begin normally distributed, with the same values on every machine."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from rmixer.models.initial_rows import BLOCK, fill_normal

ROWS, DIM = 2 * BLOCK // 16 + 5, 16
_PRINT = f"""
import hashlib, torch
from rmixer.models.initial_rows import fill_normal
torch.manual_seed(7)
print(hashlib.sha256(fill_normal(torch.empty({ROWS}, {DIM}), 0.1).numpy().tobytes()).hexdigest())
"""


@pytest.fixture(autouse=True)
def torchs_state() -> Iterator[None]:
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        yield
    torch.set_num_threads(threads)


def filled(seed: int, std: float = 1.0) -> np.ndarray:
    torch.manual_seed(seed)
    return fill_normal(torch.empty(ROWS, DIM), std).numpy()


@pytest.fixture(scope="module")
def sample() -> np.ndarray:
    torch.manual_seed(3)
    return np.sort(fill_normal(torch.empty(ROWS, DIM), 1.0).numpy().astype(float), axis=None)


def test_their_distribution_is_the_normal_one(sample: np.ndarray) -> None:
    """Kolmogorov and Smirnov's distance: 1.95 / sqrt(n) is exceeded once in a thousand times."""
    share = np.arange(1, len(sample) + 1) / len(sample)
    expected = 0.5 + 0.5 * np.array([math.erf(value / math.sqrt(2)) for value in sample[::7]])
    assert np.abs(share[::7] - expected).max() < 1.95 / math.sqrt(len(sample))


def test_their_moments_are_those_of_the_normal_one(sample: np.ndarray) -> None:
    """Each within four standard errors, which are those of a normal sample."""
    error = 4 / math.sqrt(len(sample))
    assert abs(sample.mean()) < error
    assert abs((sample**2).mean() - 1) < error * math.sqrt(2)
    assert abs((sample**3).mean()) < error * math.sqrt(15)
    assert abs((sample**4).mean() - 3) < error * math.sqrt(96)


@pytest.mark.parametrize("beyond", [3.0, 4.0, 4.5])
def test_their_tails_are_as_long(sample: np.ndarray, beyond: float) -> None:
    """Counts within four standard errors (of a Poisson count) on both sides."""
    expected = len(sample) * NormalDist().cdf(-beyond)
    for count in ((sample < -beyond).sum(), (sample > beyond).sum()):
        assert abs(count - expected) < 4 * math.sqrt(expected)


def test_neighbours_are_independent() -> None:
    """Of one row, of neighbouring rows, and of neighbouring blocks."""
    values = filled(5).astype(float).reshape(-1)
    for apart in (1, 2, 3, DIM, BLOCK):
        product = values[:-apart] * values[apart:]
        assert abs(product.mean()) < 4 / math.sqrt(len(product))


def test_the_deviation_scales_them() -> None:
    np.testing.assert_allclose(filled(1, 0.05), filled(1) * 0.05, rtol=1e-6)


def test_another_seed_gives_others_and_two_tables_differ() -> None:
    first, other = filled(1), filled(2)
    torch.manual_seed(1)
    again, second = (fill_normal(torch.empty(ROWS, DIM), 1.0).numpy() for _ in range(2))
    assert np.array_equal(first, again)
    for each in (other, second):
        assert (first == each).mean() < 0.001


def test_the_number_of_threads_changes_nothing() -> None:
    torch.set_num_threads(1)
    alone = filled(1)
    torch.set_num_threads(3)
    assert np.array_equal(filled(1), alone)


def test_they_are_the_same_on_processors_without_vector_instructions() -> None:
    """numpy and torch are told that this one has none. torch's own values would differ."""
    known = np._core._multiarray_umath.__cpu_features__  # type: ignore[attr-defined]
    possible = np._core._multiarray_umath.__cpu_dispatch__  # type: ignore[attr-defined]
    without = " ".join(name for name in possible if known[name])
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": "default"}
    if without:
        environment["NPY_DISABLE_CPU_FEATURES"] = without
    printed = subprocess.run(
        [sys.executable, "-c", _PRINT], env=environment, check=True, stdout=subprocess.PIPE
    )
    here = hashlib.sha256(filled(7, 0.1).tobytes()).hexdigest()
    assert printed.stdout.decode().strip() == here


def test_they_are_the_same_as_on_the_first_machine() -> None:
    """Recorded with numpy 2.4 and torch 2.13 on an AMD EPYC with AVX-512."""
    found = hashlib.sha256(filled(7, 0.1).astype("<f4").tobytes()).hexdigest()
    assert found[:16] == "91da8e16c613ec72"


def test_a_table_without_values_stays_as_it_is() -> None:
    state = torch.random.get_rng_state()
    assert fill_normal(torch.empty(5, 4, device="meta"), 1.0).is_meta
    with FakeTensorMode():
        assert fill_normal(torch.empty(5, 4), 1.0).shape == (5, 4)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_table_may_be_small(rows: int) -> None:
    assert fill_normal(torch.full((rows, 1), math.nan), 1.0).isfinite().all()
