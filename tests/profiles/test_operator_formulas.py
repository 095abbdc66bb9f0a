"""FLOPs and bytes, by hand. A float has 4 bytes, an id 8."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from profiles.operator_formulas import operator_work

FLOAT, ID, NUMBER = "float", "long int", "Scalar"
DENSE_BYTES = 1000


def work(name: str, shapes: Sequence[Sequence[int]], types: Sequence[str]) -> tuple[int, int, int]:
    """FLOPs, bytes read and bytes written."""
    found = operator_work(f"aten::{name}", shapes, types, DENSE_BYTES)
    return found.flops, found.read_bytes, found.written_bytes


@pytest.mark.parametrize(
    ("name", "shapes", "flops", "read", "written"),
    [
        # [2, 3] x [3, 5]
        ("mm", [(2, 3), (3, 5)], 2 * 2 * 3 * 5, 4 * (6 + 15), 4 * 10),
        ("matmul", [(2, 3), (3, 5)], 60, 84, 40),
        # a batch of four of them
        ("bmm", [(4, 2, 3), (4, 3, 5)], 240, 4 * (24 + 60), 4 * 40),
        # [2, 3] x [3]
        ("matmul", [(2, 3), (3,)], 12, 4 * (6 + 3), 4 * 2),
        # the bias is read as well
        ("addmm", [(5,), (2, 3), (3, 5)], 60, 4 * (5 + 6 + 15), 40),
        # weights are [out, in], inputs may have several leading axes
        ("linear", [(2, 3), (5, 3), (5,)], 60, 4 * (6 + 15 + 5), 40),
        ("linear", [(7, 2, 3), (5, 3), (5,)], 7 * 60, 4 * (42 + 15 + 5), 7 * 40),
    ],
)
def test_products(
    name: str, shapes: list[tuple[int, ...]], flops: int, read: int, written: int
) -> None:
    assert work(name, shapes, [FLOAT] * len(shapes)) == (flops, read, written)


def test_a_look_up_counts_the_rows_it_touches_and_not_the_table() -> None:
    table, index = (1_000_000, 16), (100,)
    row = 4 * 16
    expected = (0, 100 * (row + 8), 100 * row)
    assert work("index_select", [table, (), index], [FLOAT, NUMBER, ID]) == expected
    assert work("embedding", [table, (20, 5)], [FLOAT, ID]) == expected


def test_a_row_update_reads_what_it_adds_to() -> None:
    inputs = [(1_000_000, 16), (), (100,), (100, 16), ()]
    types = [FLOAT, NUMBER, ID, FLOAT, NUMBER]
    row = 4 * 16
    assert work("index_add_", inputs, types) == (1600, 100 * (2 * row + 8), 100 * row)
    assert work("index_copy_", inputs, types) == (0, 100 * (row + 8), 100 * row)


def test_a_scatter_of_whole_rows_is_a_row_update() -> None:
    """Its index is the list of rows, repeated along them and not stored so often."""
    inputs = [(1_000_000, 16), (), (100, 16), (100, 16)]
    types = [FLOAT, NUMBER, ID, FLOAT]
    assert work("scatter_add_", inputs, types) == (1600, 2 * 6400, 6400)
    assert work("gather", [(256, 729), (), (256, 351), ()], [FLOAT, NUMBER, ID, NUMBER]) == (
        0,
        4 * 256 * 351,
        4 * 256 * 351,
    )


def test_a_scatter_of_numbers() -> None:
    inputs = [(1_000_000,), (), (100,), (100,)]
    assert work("scatter_", inputs, ["int", NUMBER, ID, "int"]) == (0, 100 * (4 + 8), 400)


def test_elementwise_operators_do_one_flop_an_element() -> None:
    assert work("add", [(2, 3), (2, 3), ()], [FLOAT, FLOAT, NUMBER]) == (6, 48, 24)
    assert work("mul", [(2, 3, 4), (2, 1, 4)], [FLOAT] * 2) == (24, 4 * (24 + 8), 96)
    assert work("mul_", [(2, 3), (3,)], [FLOAT] * 2) == (6, 36, 24)
    assert work("ge", [(2, 3), ()], ["c10::BFloat16", NUMBER]) == (6, 12, 12)


def test_a_reduction_reads_all_and_writes_next_to_nothing() -> None:
    assert work("sum", [(2, 3), (), ()], [FLOAT, "ScalarList", NUMBER]) == (6, 24, 0)
    shapes = [(5,), (5,), (), (), ()]
    assert work("binary_cross_entropy_with_logits", shapes, [FLOAT] * 2) == (5, 40, 0)


def test_what_moves_nothing_costs_nothing() -> None:
    for name in ("view", "t", "narrow", "chunk", "new_empty_strided", "detach"):
        assert work(name, [(200, 300), ()], [FLOAT, NUMBER]) == (0, 0, 0)
    assert work("add_", [(), ()], [FLOAT, NUMBER]) == (0, 0, 0)
    assert work("ones", [], []) == (0, 0, 0)


def test_fills_write_and_copies_read_one_and_write_the_other() -> None:
    assert work("zeros_like", [(2, 3)], [FLOAT]) == (0, 0, 24)
    assert work("copy_", [(2, 3), (2, 3), ()], [FLOAT, FLOAT, NUMBER]) == (0, 24, 24)
    assert work("clone", [(2, 3), ()], [FLOAT, NUMBER]) == (0, 24, 24)


@pytest.mark.parametrize(("kind", "reads"), [("sgd", 2), ("adagrad", 3), ("adam", 4)])
def test_a_fused_optimizer_walks_all_dense_parameters(kind: str, reads: int) -> None:
    """Parameters, gradients and moments are read; all but the gradients are written."""
    lists = [()] * 6
    expected = (DENSE_BYTES // 4, reads * DENSE_BYTES, (reads - 1) * DENSE_BYTES)
    assert work(f"_fused_{kind}_", lists, ["TensorList"] * 6) == expected


def test_lists_of_tensors_leave_no_shapes() -> None:
    """Beside a fused optimizer, ``foreach`` only counts steps."""
    assert work("_foreach_add_", [(), ()], ["TensorList", NUMBER]) == (0, 0, 0)
    assert work("cat", [(), ()], ["TensorList", NUMBER]) == (0, 0, 0)
