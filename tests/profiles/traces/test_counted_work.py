"""Work counted from what operators really call: by hand, and against torch's FLOP counter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from code_paths import EVERY_MODEL
from torch import nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode, addmm_flop, baddbmm_flop

from profiles.traces.counted_work import CountedOperator, count_work, counted_operators
from profiles.traces.profiler_events import read_calls
from profiles.work.matrix_products import PRODUCTS
from profiles.work.operator_formulas import OperatorWork
from rmixer.data.prepare import prepare
from rmixer.errors import RunFailed
from rmixer.training.make_step import make_step
from rmixer.workload.workload import job_of

# Of what happens in place it has no formulas: those of the same out of place.
IN_PLACE: dict[Any, Any] = {
    torch.ops.aten.addmm_: addmm_flop.__wrapped__,  # type: ignore[attr-defined]
    torch.ops.aten.baddbmm_: baddbmm_flop.__wrapped__,  # type: ignore[attr-defined]
}
TABLE, IDS = torch.zeros(1000, 16), torch.tensor([3, 1, 2, 3])
ROW = 4 * 16


def counted(run: Callable[[], object]) -> list[CountedOperator]:
    """The outermost operators of ``run``."""
    with profile(
        activities=[ProfilerActivity.CPU], record_shapes=True, profile_memory=True
    ) as observed:
        kept = run()
    del kept
    return counted_operators(observed.profiler.kineto_results.experimental_event_tree())


def amounts(run: Callable[[], object]) -> tuple[int, int, int]:
    """FLOPs, bytes read and bytes written by the first operator."""
    work = counted(run)[0].work
    assert work is not None
    return work.flops, work.read_bytes, work.written_bytes


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (lambda: TABLE.index_select(0, IDS), (0, 4 * (ROW + 8), 4 * ROW)),
        (lambda: functional.embedding(IDS, TABLE), (0, 4 * (ROW + 8), 4 * ROW)),
        (lambda: TABLE[IDS], (0, 4 * ROW, 4 * ROW)),
        (lambda: torch.cat([TABLE[:2], TABLE[:3]]), (0, 5 * ROW, 5 * ROW)),
        (lambda: torch.stack([TABLE[0], TABLE[1]]), (0, 2 * ROW, 2 * ROW)),
        (lambda: TABLE.sum(1), (16_000, 64_000, 4_000)),
        (lambda: TABLE.softmax(1), (80_000, 64_000, 64_000)),
        (lambda: TABLE.clone(), (0, 64_000, 64_000)),
        (lambda: TABLE.to(torch.bfloat16), (0, 64_000, 32_000)),
        (lambda: torch.zeros_like(TABLE), (0, 0, 64_000)),
        (lambda: TABLE.t().contiguous(), (0, 64_000, 64_000)),
        (lambda: TABLE.view(-1), (0, 0, 0)),
        (lambda: TABLE > TABLE, (16_000, 128_000, 16_000)),
        # values and places, sorted
        (lambda: IDS.sort(), (0, 32, 64)),
        # 5 outputs from 16 inputs, through t() and addmm
        (
            lambda: functional.linear(TABLE, TABLE[:5], TABLE[0, :5]),
            (2 * 1000 * 16 * 5, 64_000 + 5 * ROW + 20, 20_000),
        ),
    ],
)
def test_by_hand(run: Callable[[], object], expected: tuple[int, int, int]) -> None:
    found = counted(run)
    work = [each.work for each in found]
    assert None not in work
    total = tuple(
        sum(getattr(each, name) for each in work)
        for name in ("flops", "read_bytes", "written_bytes")
    )
    assert total == expected


def test_a_tensor_to_write_to() -> None:
    result = torch.empty(1000)
    assert amounts(lambda: torch.sum(TABLE, 1, out=result)) == (16_000, 64_000, 4_000)


def test_lists_have_shapes() -> None:
    (found,) = counted(lambda: torch.cat([TABLE, TABLE]))
    assert (found.name, found.shapes) == ("aten::cat", "[1000x16 1000x16]")


def test_an_operator_without_a_formula_is_named() -> None:
    """What it calls besides (here it fills its result first) is no measure of it."""
    points = torch.rand(30, 4)
    found = [kernel for each in counted(lambda: torch.pdist(points)) for kernel in each.kernels]
    assert [kernel.name for kernel in found if kernel.work is None] == ["aten::_pdist_forward"]


def test_work_is_given_to_the_calls_of_the_same_profile() -> None:
    with profile(
        activities=[ProfilerActivity.CPU], record_shapes=True, profile_memory=True
    ) as observed:
        torch.cat([TABLE, TABLE])
    tree = observed.profiler.kineto_results.experimental_event_tree()
    calls = read_calls(observed.profiler.kineto_results.events())
    count_work(calls, tree)
    (call,) = calls
    assert (call.operands, call.work) == ("[1000x16 1000x16]", OperatorWork(0, 128_000, 128_000))
    with pytest.raises(RunFailed, match="different operators"):
        count_work([*calls, *calls], tree)


def test_layers_that_are_not_the_librarys() -> None:
    """A model of one's own may have them: recurrences, convolutions, sparse gradients."""
    ids = torch.randint(0, 50, (8, 10))
    bags, rows = nn.EmbeddingBag(50, 16, sparse=True), nn.Embedding(50, 16)
    gru, lstm = nn.GRU(16, 16, batch_first=True), nn.LSTM(16, 8, batch_first=True)
    across, attention = nn.Conv1d(16, 8, 3), nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)

    def run() -> None:
        histories = attention(rows(ids))
        last = gru(histories)[0][:, -1] + torch.einsum("bti,bi->bi", histories, bags(ids))
        found = lstm(histories)[0].sum(1) + across(histories.transpose(1, 2)).amax(2)
        (found.mean(1) + torch.logsumexp(last, 1)).sum().backward()  # type: ignore[no-untyped-call]

    assert [each.name for each in counted(run) if each.work is None] == []


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_of_ids_are_their_rows_added_up(mode: str) -> None:
    """100 ids in 10 bags, rows of 16 floats: an addition for each number of each id's row, and
    likewise backwards, where the whole table's gradient is made first."""
    bags = nn.EmbeddingBag(5000, 16, mode=mode)
    ids, begins = torch.randint(0, 5000, (100,)), torch.arange(0, 100, 10)

    def run() -> None:
        bags(ids, begins).sum().backward()

    found = {each.name: each.work for each in counted(run)}
    row = 4 * 16
    read = 100 * row + 8 * (100 + 10)
    assert found["aten::embedding_bag"] == OperatorWork(1600, read, 10 * row)
    backward = found["aten::_embedding_bag_backward"]
    assert backward is not None
    assert 5000 * row <= backward.written_bytes < 5000 * row + 400 * row
    if mode != "max":
        assert 1600 <= backward.flops < 2000


def test_of_a_sparse_tensor_nobody_knows_how_much_there_is() -> None:
    """Not what its shape says: 10 rows of 5000."""
    rows = torch.sparse_coo_tensor(torch.arange(10)[None], torch.ones(10, 16), (5000, 16))
    table = torch.zeros(5000, 16)
    (added,) = [each for each in counted(lambda: table.add_(rows)) if each.name == "aten::add_"]
    assert added.work is None


def test_a_convolution_is_as_many_flops_as_torch_counts() -> None:
    layer, samples = nn.Conv1d(16, 8, 3), torch.rand(2, 16, 9, requires_grad=True)

    def run() -> None:
        layer(samples).sum().backward()

    ours = {
        kernel.name.removeprefix("aten::"): kernel.work.flops
        for each in counted(run)
        for kernel in each.kernels
        if kernel.work and kernel.name.startswith("aten::convolution")
    }
    with FlopCounterMode(display=False) as counter:
        run()
    theirs = counter.get_flop_counts()["Global"]
    assert ours == {str(operator).rpartition(".")[2]: n for operator, n in theirs.items()}


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_every_operator_of_every_model(model: str) -> None:
    """Each has a formula, and matrix products are as many FLOPs as torch counts."""
    job = replace(job_of(model), batch=8, rows_cap=10_000)
    prepare(job.entry.dataset, job.data)
    step = make_step(job)
    counter = FlopCounterMode(display=False, custom_mapping=IN_PLACE)
    with counter:
        step.run()
    found = counted(step.run)
    assert {each.name for each in found if each.work is None} == set()
    ours: Counter[str] = Counter()
    for kernel in (kernel for each in found for kernel in each.kernels):
        name = kernel.name.removeprefix("aten::")
        if name in PRODUCTS and kernel.work:
            ours[name] += kernel.work.flops
    theirs = {
        str(operator).rpartition(".")[2]: flops
        for operator, flops in counter.get_flop_counts()["Global"].items()
    }
    # It counts products of matrices; those with a vector are ours alone.
    with_a_vector = ("addmv_", "dot", "mv")
    assert {name: ours[name] for name in ours if name not in with_a_vector} == theirs
