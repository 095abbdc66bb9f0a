"""What operators allocate within themselves, against the process's own high-water mark."""

from __future__ import annotations

import ctypes
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from profiles.memory.operator_temporaries import temporary_bytes
from profiles.memory.storage_watch import StorageWatch
from profiles.memory.worker_heap import WorkerHeap
from rmixer.training.memory import peak_resident_bytes, reset_peak, resident_bytes

MIB = 1 << 20
aten = torch.ops.aten

ROWS = 2_000_000
M_MMAP_THRESHOLD = -3


def _rows_added(ids: Tensor) -> tuple[Tensor, int, Tensor, Tensor]:
    return torch.zeros(ROWS // 8, 16), 0, ids.unsqueeze(1).expand(-1, 16), torch.ones(ROWS, 16)


OPERATORS: dict[str, tuple[object, Callable[[], tuple[object, ...]]]] = {
    "logsumexp": (aten.logsumexp.default, lambda: (torch.ones(64, ROWS // 8), [1])),
    "cumsum": (aten.cumsum.default, lambda: (torch.ones(ROWS, dtype=torch.bool), 0)),
    "sum": (aten.sum.dim_IntList, lambda: (torch.ones(ROWS // 8, 8, dtype=torch.bool), [1])),
    "sort": (aten.sort.stable, lambda: (torch.arange(ROWS) % 1000,)),
    "sort of 4 bytes": (aten.sort.stable, lambda: (torch.arange(ROWS).int() % 1000,)),
    "rows": (aten.scatter_add_.default, lambda: _rows_added(torch.arange(ROWS) % (ROWS // 8))),
}


def _rises() -> dict[str, tuple[int, int]]:
    """By how much the mark rises in a call of each operator, and what that should be. Large blocks
    are given back as soon as they are freed, so that the mark has no gaps between them."""
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 16)
    found: dict[str, tuple[int, int]] = {}
    for name, (operator, make) in OPERATORS.items():
        arguments = make()
        call: Callable[..., object] = operator  # type: ignore[assignment]
        keywords = {"stable": True} if "sort" in name else {}
        call(*arguments, **keywords)  # its code is resident from now on
        reset_peak()
        before = resident_bytes()
        returned = call(*arguments, **keywords)
        risen = peak_resident_bytes() - before
        results = returned if isinstance(returned, tuple) else (returned,)
        made = sum(r.nbytes for r in results if isinstance(r, Tensor) and r is not arguments[0])
        found[name] = risen, made + sum(temporary_bytes(operator, arguments))
    return found


@pytest.fixture(scope="module")
def rises() -> dict[str, tuple[int, int]]:
    """Of a fresh process: what other tests have freed in this one would be taken for a block, and
    not be given back."""
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("not glibc")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_rises).result()


@pytest.mark.parametrize("name", OPERATORS)
def test_the_mark_rises_by_results_and_temporaries(
    name: str, rises: dict[str, tuple[int, int]]
) -> None:
    operator, make = OPERATORS[name]
    assert sum(temporary_bytes(operator, make())) >= 15 * MIB
    risen, expected = rises[name]
    assert risen == pytest.approx(expected, rel=0.03, abs=6 * MIB)


def test_others_have_none_that_is_known() -> None:
    assert temporary_bytes(aten.add.Tensor, (torch.ones(3), torch.ones(3))) == ()
    assert temporary_bytes(aten.sum.default, (torch.ones(3),)) == ()
    assert temporary_bytes(aten.scatter_add_.default, (torch.ones(3), 0, torch.ones(3))) == ()
    assert temporary_bytes(aten.empty.memory_format, ([3],)) == ()


def test_the_watch_counts_them_for_a_moment() -> None:
    watch = StorageWatch("all", WorkerHeap())
    with FakeTensorMode(), watch:
        values = torch.empty(1000, 1000)
        values.logsumexp(1)
    assert watch.peak["all"] == 2 * values.nbytes + 4 * 1000
    assert watch.held["all"] == values.nbytes
