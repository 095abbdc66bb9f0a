"""The work of operators as real traces tell it, against torch's own count and by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from profiles.traces.chrome_trace import read_chrome_trace
from profiles.traces.host_trace import read_host_trace
from profiles.traces.trace_work import recorded_work
from profiles.work.operator_formulas import UNKNOWN, OperatorWork

Told = dict[str, list[OperatorWork]]


@pytest.fixture
def told(tmp_path: Path) -> Callable[[Callable[[], Any]], Told]:
    """What the trace of a function tells of each of its operators, by name without ``aten::``."""

    def of(function: Callable[[], Any]) -> Told:
        with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as observed:
            function()
        path = tmp_path / "trace.json"
        observed.export_chrome_trace(str(path))
        found: Told = {}
        for call in read_host_trace(read_chrome_trace(path).events).calls:
            name = call.name.removeprefix("aten::")
            found.setdefault(name, []).append(recorded_work(call.tree))
        return found

    return of


def flops_of(found: Told, *names: str) -> int:
    works = [work for name in names for work in found.get(name, [])]
    assert all(work.flops is not None for work in works)
    return sum(work.flops or 0 for work in works)


def test_convolutions_are_counted_as_torch_counts_them(told: Any) -> None:
    """The first needs no gradient of its input, the third is transposed. (In groups torch counts
    the weights' gradients once too often.)"""
    layers = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 16, 3), nn.ConvTranspose2d(16, 4, 3))
    samples = torch.randn(4, 3, 9, 9)
    found = told(lambda: layers(samples).sum().backward())
    with FlopCounterMode(display=False) as counter:
        layers(samples).sum().backward()
    by_torch = counter.get_flop_counts()["Global"]
    backward = next(n for op, n in by_torch.items() if "convolution_backward" in str(op))
    assert flops_of(found, "convolution_backward") == backward
    assert {work.written_bytes for work in found["convolution_backward"]} == {None}


def test_a_product_with_broadcast_matrices(told: Any) -> None:
    one, many = torch.randn(6, 5), torch.randn(7, 5, 4)
    (work,) = told(lambda: torch.matmul(one, many))["matmul"]
    assert (work.flops, work.written_bytes) == (1680, 672)


def test_a_recurrent_layer_and_its_backward_pass(told: Any) -> None:
    layer, samples = nn.LSTM(8, 16, batch_first=True), torch.randn(4, 10, 8)
    found = told(lambda: layer(samples)[0].sum().backward())
    of_library = 245_760 if torch.backends.mkldnn.is_available() else 0
    assert flops_of(found, "mkldnn_rnn_layer_backward") == of_library


def test_what_has_a_kernel_of_its_own_is_not_what_it_calls(told: Any) -> None:
    matrix, chances = torch.randn(100, 10), torch.rand(1000, requires_grad=True)
    wanted = torch.ones(1000)

    def run() -> None:
        torch.linalg.qr(matrix)
        nn.functional.binary_cross_entropy(chances, wanted).backward()

    found = told(run)
    for name in ("linalg_qr", "binary_cross_entropy_backward"):
        assert found[name] == [UNKNOWN]


def test_of_sparse_gradients_nobody_knows_how_much_there_is(told: Any) -> None:
    table = nn.Embedding(1000, 16, sparse=True)
    optimizer = torch.optim.SGD(table.parameters(), lr=0.1)
    ids = torch.arange(64)

    def run() -> None:
        table(ids).sum().backward()
        optimizer.step()

    assert told(run)["add_"] == [UNKNOWN]


def test_rows_along_another_axis(told: Any) -> None:
    """Five columns of a hundred numbers, of 10."""
    table, ids = torch.randn(100, 10), torch.tensor([1, 3, 5, 7, 9])
    (work,) = told(lambda: torch.index_select(table, 1, ids))["index_select"]
    assert work == OperatorWork(0, 2000 + 40, 2000)


def test_results_of_another_type_than_what_is_given(told: Any) -> None:
    numbers, counts = torch.randn(1000), torch.arange(1000)
    yes = numbers > 0

    def run() -> None:
        torch.gt(numbers, 0.5)
        torch.eq(counts, 3)
        torch.mul(counts, numbers)
        torch.where(yes, numbers, numbers)
        torch.mul(numbers, 2.0)

    found = told(run)
    assert [found[name][0].written_bytes for name in ("gt", "eq")] == [1000, 1000]
    assert [work.written_bytes for work in found["mul"]] == [None, 4000]
    assert found["where"][-1].written_bytes is None


def test_an_expanded_tensor_is_what_is_stored_of_it(told: Any) -> None:
    row = torch.randn(1, 10).expand(100, 10)
    (work,) = told(lambda: torch.add(row, row))["add"]
    assert work == OperatorWork(1000, 80, 4000)


def test_a_type_that_torch_did_not_have_is_unknown(told: Any) -> None:
    numbers = torch.randn(1000)
    (work,) = told(lambda: numbers.to(torch.float8_e4m3fn))["to"]
    assert work == OperatorWork(0, 4000, 1000)
