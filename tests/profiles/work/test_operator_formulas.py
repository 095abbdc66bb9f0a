"""FLOPs and bytes, by hand. A float has 4 bytes, an id 8."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from profiles.work.operands import Argument, Flags, listed_arguments, operand, shapes_text
from profiles.work.operator_formulas import operator_work


def floats(*shape: int) -> Argument:
    return operand(shape, 4)


def ids(*shape: int) -> Argument:
    return operand(shape, 8)


def work(
    name: str, arguments: Sequence[Argument], result_bytes: int | None = None
) -> tuple[int, int, int] | None:
    """FLOPs, bytes read and bytes written."""
    found = operator_work(f"aten::{name}", arguments, result_bytes)
    return (found.flops, found.read_bytes, found.written_bytes) if found else None


@pytest.mark.parametrize(
    ("name", "shapes", "flops", "read", "written"),
    [
        # [2, 3] x [3, 5]
        ("mm", [(2, 3), (3, 5)], 2 * 2 * 3 * 5, 4 * (6 + 15), 4 * 10),
        ("matmul", [(2, 3), (3, 5)], 60, 84, 40),
        # into a third tensor, which is not read
        ("mm", [(2, 3), (3, 5), (2, 5)], 60, 84, 40),
        # a batch of four of them
        ("bmm", [(4, 2, 3), (4, 3, 5)], 240, 4 * (24 + 60), 4 * 40),
        # [2, 3] x [3]
        ("mv", [(2, 3), (3,)], 12, 4 * (6 + 3), 4 * 2),
        ("matmul", [(2, 3), (3,)], 12, 4 * (6 + 3), 4 * 2),
        ("dot", [(7,), (7,)], 14, 4 * 14, 4),
        # the bias is read as well
        ("addmm", [(5,), (2, 3), (3, 5)], 60, 4 * (5 + 6 + 15), 40),
        ("addmm", [(5,), (2, 3), (3, 5), (2, 5)], 60, 4 * (5 + 6 + 15), 40),
        ("addmm_", [(2, 5), (2, 3), (3, 5)], 60, 4 * (10 + 6 + 15), 40),
        ("addmv_", [(2,), (2, 3), (3,)], 12, 4 * (2 + 6 + 3), 8),
        ("baddbmm", [(4, 1, 5), (4, 2, 3), (4, 3, 5)], 240, 4 * (20 + 24 + 60), 160),
        # weights are [out, in], inputs may have several leading axes
        ("linear", [(2, 3), (5, 3), (5,)], 60, 4 * (6 + 15 + 5), 40),
        ("linear", [(7, 2, 3), (5, 3), (5,)], 7 * 60, 4 * (42 + 15 + 5), 7 * 40),
    ],
)
def test_products(
    name: str, shapes: list[tuple[int, ...]], flops: int, read: int, written: int
) -> None:
    assert work(name, [floats(*shape) for shape in shapes]) == (flops, read, written)


def test_fused_attention_is_two_products_and_five_backward() -> None:
    """3 queries of 5 numbers see 7 keys, whose values have 2: [3, 5] x [5, 7], [3, 7] x [7, 2].
    Backward: the scores again, then [7, 3] x [3, 2], [3, 2] x [2, 7], [3, 7] x [7, 5] and
    [7, 3] x [3, 5]."""
    query, key, value = floats(1, 4, 3, 5), floats(1, 4, 7, 5), floats(1, 4, 7, 2)
    name = "_scaled_dot_product_flash_attention_for_cpu"
    read = 4 * 4 * (15 + 35 + 14)
    forward = 2 * 4 * (3 * 5 * 7 + 3 * 7 * 2)
    assert work(name, [query, key, value, 0.0], 96) == (forward, read, 96)
    output = floats(1, 4, 3, 2)
    backward = 2 * 4 * (3 * 5 * 7 + 7 * 3 * 2 + 3 * 2 * 7 + 3 * 7 * 5 + 7 * 3 * 5)
    found = work(f"{name}_backward", [output, query, key, value, output], 4 * 4 * (15 + 35 + 14))
    assert found == (backward, read + 2 * 4 * 4 * 6, read)


def test_a_convolution_in_groups() -> None:
    """Each of 8 outputs at 7 places of 2 samples is a sum over 4 inputs at 3 places."""
    inputs = [floats(2, 16, 9), floats(8, 4, 3), floats(8), None, None, None, False]
    flops, result = 2 * (2 * 8 * 7) * (4 * 3), 4 * 2 * 8 * 7
    read = 4 * (2 * 16 * 9 + 8 * 4 * 3 + 8)
    assert work("convolution", inputs, result) == (flops, read, result)
    assert work("convolution", inputs) is None
    given = [floats(2, 8, 7), *inputs[:2], None, None, None, None, False]
    backward = work("convolution_backward", given, 0)
    assert backward is not None
    assert backward[0] == 2 * flops
    of_weights = work("convolution_backward", [*given, Flags((False, True, True))], 0)
    assert of_weights is not None
    assert of_weights[0] == flops
    assert work("convolution", [*inputs[:6], None], result) is None


def test_a_transposed_convolution() -> None:
    """Each of 16 x 25 pixels of 4 samples goes to 3 x 3 places of 4 outputs: 230,400 FLOPs, as
    torch's FlopCounterMode counts it."""
    inputs = [floats(4, 16, 5, 5), floats(16, 4, 3, 3), floats(4), None, None, None, True]
    result = 4 * 4 * 4 * 7 * 7
    forward = work("convolution", inputs, result)
    assert forward is not None
    assert forward[0] == 2 * 4 * 16 * 25 * 4 * 9
    given = [floats(4, 4, 7, 7), *inputs[:2], None, None, None, None, True]
    backward = work("convolution_backward", given, 0)
    assert backward is not None
    assert backward[0] == 2 * forward[0] == 230_400


def test_a_product_of_matrices_that_are_broadcast() -> None:
    """[6, 5] x [7, 5, 4] is seven products of [6, 5] x [5, 4]."""
    assert work("matmul", [floats(6, 5), floats(7, 5, 4)]) == (1680, 4 * (30 + 140), 672)
    found = work("matmul", [floats(2, 1, 6, 5), floats(7, 5, 4)])
    assert found == (2 * 1680, 4 * (60 + 140), 2 * 672)
    assert work("matmul", [floats(5), floats(7, 5, 4)]) == (7 * 40, 4 * (5 + 140), 4 * 28)


def test_a_recurrent_layer_is_its_gates_products() -> None:
    """Of 40 samples of 8, and 16 numbers handed on, to 64: forward, and twice that back."""
    given = [floats(10, 4, 8), floats(64, 8), floats(64, 16), floats(64), floats(64)]
    forward = work("mkldnn_rnn_layer", given, 0)
    backward = work("mkldnn_rnn_layer_backward", given, 0)
    assert forward is not None
    assert backward is not None
    assert (forward[0], backward[0]) == (2 * 40 * 64 * 24, 245_760)


ROW = 4 * 16
TABLE = floats(1_000_000, 16)


def test_a_look_up_counts_the_rows_it_touches_and_not_the_table() -> None:
    expected = (0, 100 * (ROW + 8), 100 * ROW)
    assert work("index_select", [TABLE, 0, ids(100)], 100 * ROW) == expected
    assert work("embedding", [TABLE, ids(20, 5), -1, 0.0]) == expected
    assert work("index", [TABLE, None], 100 * ROW) == (0, 100 * ROW, 100 * ROW)


def test_a_look_up_of_columns() -> None:
    assert work("index_select", [floats(2, 3, 5), 1, ids(2)]) == (0, 80 + 16, 80)


def test_bags_add_up_their_rows() -> None:
    arguments = [TABLE, ids(100), ids(7), 0.0, 0]
    expected = (1600, 100 * (ROW + 8) + 7 * 8, 7 * ROW)
    assert work("_embedding_bag_forward_only", arguments) == expected
    assert work("embedding_bag", arguments) == expected


def test_a_row_update_reads_what_it_adds_to() -> None:
    inputs = [TABLE, 0, ids(100), floats(100, 16)]
    assert work("index_add_", inputs) == (1600, 100 * (2 * ROW + 8), 100 * ROW)
    assert work("index_copy_", inputs) == (0, 100 * (ROW + 8), 100 * ROW)
    whole = 4 * 16_000_000
    expected = (1600, whole + 100 * (2 * ROW + 8), whole + 100 * ROW)
    assert work("index_add", inputs, whole) == expected


def test_a_scatter_of_whole_rows_reads_each_id_once() -> None:
    """Its index is the list of rows, expanded along them and not stored so often."""
    index = operand((100, 16), 8, strides=(1, 0))
    inputs = [TABLE, 0, index, floats(100, 16)]
    assert work("scatter_add_", inputs) == (1600, 2 * 6400 + 800, 6400)
    assert work("scatter_", inputs) == (0, 6400 + 800, 6400)
    assert work("gather", [TABLE, 0, index]) == (0, 6400 + 800, 6400)


def test_a_scatter_of_numbers() -> None:
    places = operand((100,), 8)
    assert work("scatter_", [operand((1_000_000,), 4), 0, places, 1]) == (0, 800, 400)


def test_the_gradient_of_a_dense_table_is_filled_with_zeros_first() -> None:
    arguments = [floats(100, 16), ids(100), 1000, -1, 0.0]
    expected = (1600, 100 * (2 * ROW + 8), 1000 * ROW + 100 * ROW)
    assert work("embedding_dense_backward", arguments, 1000 * ROW) == expected


def test_elementwise_operators_do_one_flop_an_element() -> None:
    assert work("add", [floats(2, 3), floats(2, 3), 1]) == (6, 48, 24)
    assert work("mul", [floats(2, 3, 4), floats(2, 1, 4)]) == (24, 4 * (24 + 8), 96)
    assert work("mul", [floats(2, 1), floats(1, 3)], 24) == (6, 4 * (2 + 3), 24)
    assert work("mul_", [floats(2, 3), floats(3)]) == (6, 36, 24)
    assert work("ge", [operand((2, 3), 2), 0.0], 6) == (6, 12, 6)
    assert work("__and__", [operand((2, 3), 1), operand((3,), 1)], 6) == (6, 9, 6)
    assert work("lerp", [floats(5), floats(5), floats()], 20) == (15, 44, 20)


def test_an_expanded_tensor_is_read_as_often_as_it_is_stored() -> None:
    expanded = operand((128, 16), 4, strides=(1, 0))
    assert work("add", [expanded, floats(128, 16), 1]) == (2048, 4 * (128 + 2048), 8192)


def test_a_tensor_to_write_to_is_not_read() -> None:
    """No memory was taken, and the last argument is one more tensor."""
    assert work("mul", [floats(2, 3), floats(3), floats(2, 3)], 0) == (6, 36, 24)
    assert work("sum", [floats(2, 3), None, 0, None, floats(3)], 0) == (6, 24, 12)


def test_a_reduction_reads_all_and_writes_its_result() -> None:
    assert work("sum", [floats(2, 3), None, 0], 12) == (6, 24, 12)
    assert work("sum", [floats(2, 3), None, 0]) == (6, 24, 0)
    assert work("_softmax", [floats(2, 3), 1, 0], 24) == (30, 24, 24)
    assert work("native_layer_norm", [floats(2, 3), None, floats(3), floats(3)], 40) == (48, 48, 40)


def test_what_moves_data_reads_and_writes_it() -> None:
    assert work("cat", [(floats(2, 3), floats(2, 5)), 1], 64) == (0, 64, 64)  # type: ignore
    assert work("sort", [ids(100), 1], 1600) == (0, 800, 1600)
    assert work("copy_", [floats(2, 3), floats(3), 0]) == (0, 12, 24)
    assert work("copy_", [operand((2, 3), 2), floats(2, 3), 0]) == (0, 24, 12)
    assert work("fill_", [floats(2, 3), 1.0]) == (0, 0, 24)
    assert work("zero_", [floats(2, 3)]) == (0, 0, 24)
    assert work("bernoulli_", [floats(2, 3), 0.5]) == (0, 0, 24)
    assert work("arange", [100], 800) == (0, 0, 800)


def test_what_moves_nothing_costs_nothing() -> None:
    for name in ("view", "t", "narrow", "chunk", "new_empty_strided", "detach"):
        assert work(name, [floats(200, 300), 1]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("name", "state", "flops", "read", "written"),
    [
        ("_fused_sgd_", 0, 2, 2, 1),  # parameter, gradient
        ("_fused_sgd_", 1, 2, 3, 2),  # and a momentum
        ("_fused_adagrad_", 1, 7, 3, 2),
        ("_fused_adam_", 2, 13, 4, 3),
        ("_fused_adamw_", 3, 14, 5, 4),  # with the largest second moment so far
    ],
)
def test_a_fused_optimizer_walks_its_lists(
    name: str, state: int, flops: int, read: int, written: int
) -> None:
    """Of 21 parameters each; all but the gradients are written."""
    each: Argument = (operand((4, 5), 4), operand((1,), 4))
    counts: Argument = (operand((), 4), operand((), 4))
    arguments = [*[each] * (2 + state), (), counts, 0.1, False]
    assert work(name, arguments) == (21 * flops, 84 * read, 84 * written)


def test_lists_of_tensors_are_taken_one_by_one() -> None:
    each: Argument = (operand((4, 5), 4), operand((1,), 4))
    assert work("_foreach_mul_", [each, floats()]) == (21, 84 + 4, 84)
    assert work("_foreach_norm", [each, 2.0], 8) == (42, 84, 8)


def test_what_has_no_formula_is_not_guessed() -> None:
    assert work("_cdist_forward", [floats(2, 3), floats(2, 3)], 16) is None
    assert work("clone", [floats(2, 3)]) is None  # it is counted by the copy that it calls
    assert work("cat", [None, 1]) is None
    assert work("mm", [floats(2, 3)]) is None


def test_arguments_from_plain_lists() -> None:
    """As an event of the profiler has them, which says nothing of a list of tensors."""
    found = listed_arguments([(2, 3), (), (), (7,)], ["float", "Scalar", "float", "long int"])
    assert found == (floats(2, 3), None, floats(), ids(7))
    assert listed_arguments([(), ()], ["TensorList", "Scalar"]) is None


def test_shapes_in_words() -> None:
    lists: Argument = (operand((2, 3), 4), operand((), 4))
    assert shapes_text([floats(2, 3), 1.0, floats(), None, ids(5)]) == "2x3 5"
    assert shapes_text([lists, floats(7)]) == "[2x3 1] 7"
