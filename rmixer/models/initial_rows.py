"""The initial values of embedding tables: normal, and the same to the last bit on every machine.

torch's own depend on the processor: its kernel for AVX2 and the one for all else round otherwise.
Here 16 random bits choose a value among the quantiles of the normal distribution. Nothing is
computed that could be rounded otherwise, and it takes less time than torch's faster kernel.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from statistics import NormalDist

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BLOCK = 1 << 20
"""Values from one generator. Threads share a table by blocks."""
_PIECE = 1 << 15
"""Values computed at a time, so that they and their bits stay in a processor's cache."""
_CELLS = 1 << 16
_TAIL_CELLS = 1 << 12


def fill_normal(table: Tensor, std: float) -> Tensor:
    """Fill ``table`` (contiguous, on the CPU) from a normal distribution of mean 0 and
    deviation ``std``, and return it. A table without values (meta, or fake) stays as it is.

    torch's generator gives the seed. torch's number of threads says how many fill it, and changes
    no value. A value is the middle quantile of one of 65,536 cells of equal probability, of which
    the two outermost are 4,096 each: their distribution function is the normal one within 2**-17,
    and the largest value is 5.9 deviations (torch's own end at 5.8).
    """
    if table.is_meta or type(table) is not Tensor:
        return table
    if table.dtype != torch.float32:
        return table.copy_(fill_normal(torch.empty(table.shape, dtype=torch.float32), std))
    seed = int(torch.randint(1 << 62, (), device="cpu"))
    values = table.numpy().reshape(-1)
    quantiles, tail = (each * np.float32(std) for each in _quantiles())

    def fill(block: int) -> None:
        bits = np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(block,)))
        _fill(values[block * BLOCK : (block + 1) * BLOCK], bits, quantiles, tail)

    blocks = range(-(-len(values) // BLOCK))
    threads = min(torch.get_num_threads(), len(blocks))
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, blocks))
    else:
        for block in blocks:
            fill(block)
    return table


def _fill(
    values: NDArray[np.float32],
    generator: np.random.SFC64,
    quantiles: NDArray[np.float32],
    tail: NDArray[np.float32],
) -> None:
    for start in range(0, len(values), _PIECE):
        piece = values[start : start + _PIECE]
        cells = _random_cells(generator, len(piece))
        np.take(quantiles, cells, out=piece, mode="clip")  # the only mode that fills `out` itself
        (outermost,) = np.nonzero(cells + np.uint16(1) < 2)
        lower = tail[_random_cells(generator, len(outermost)) >> 4]
        piece[outermost] = np.where(cells[outermost] == 0, lower, -lower)


def _random_cells(generator: np.random.SFC64, count: int) -> NDArray[np.uint16]:
    """``count`` numbers of 16 random bits."""
    words = generator.random_raw(-(-count // 4))
    return np.asarray(words, dtype="<u8").view("<u2")[:count]


@cache
def _quantiles() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For each cell the normal distribution's quantile at its middle; for the lowest cell the
    quantiles of the cells into which it is split."""
    quantile = NormalDist().inv_cdf
    lower = [quantile((cell + 0.5) / _CELLS) for cell in range(_CELLS // 2)]
    tail = [quantile((cell + 0.5) / (_CELLS * _TAIL_CELLS)) for cell in range(_TAIL_CELLS)]
    middle = np.array(lower, np.float32)
    return np.concatenate([middle, -middle[::-1]]), np.array(tail, np.float32)
