"""FLOPs and bytes of an operator from the shapes of its inputs.

A product of [m, k] and [k, n] is 2mkn FLOPs; an elementwise operator one FLOP an element. Bytes
are counted once per tensor touched, as if no cache held them: what the operator asks for, not
what reaches memory. A look-up or a row update counts the rows that it touches, not the table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Shape = Sequence[int]

_ITEM_BYTES = {
    "double": 8,
    "long int": 8,
    "int": 4,
    "float": 4,
    "c10::BFloat16": 2,
    "c10::Half": 2,
    "bool": 1,
    "unsigned char": 1,
}
_ROW_READS = ("aten::index_select", "aten::embedding", "aten::gather")
_ROW_WRITES = (
    "aten::index_add_",
    "aten::index_add",
    "aten::index_copy_",
    "aten::scatter_",
    "aten::scatter_add_",
)
_VIEWS = (
    "aten::view",
    "aten::view_as",
    "aten::reshape",
    "aten::t",
    "aten::transpose",
    "aten::expand",
    "aten::expand_as",
    "aten::unsqueeze",
    "aten::squeeze",
    "aten::select",
    "aten::slice",
    "aten::narrow",
    "aten::chunk",
    "aten::detach",
    "aten::as_strided",
    "aten::permute",
    "aten::flatten",
    "aten::unflatten",
    "aten::split",
    "aten::split_with_sizes",
    "aten::unbind",
    "aten::alias",
)
_ALLOCATIONS = ("aten::empty", "aten::empty_like", "aten::new_empty", "aten::new_empty_strided")
_FILLS = (
    "aten::zero_",
    "aten::fill_",
    "aten::zeros_like",
    "aten::ones_like",
    "aten::full_like",
)
_COPIES = ("aten::copy_", "aten::clone")
_REDUCTIONS = (
    "aten::sum",
    "aten::mean",
    "aten::amax",
    "aten::max",
    "aten::min",
    "aten::binary_cross_entropy_with_logits",
)
_OPTIMIZER_READS = {
    "aten::_fused_sgd_": 2,  # parameter, gradient
    "aten::_fused_adagrad_": 3,  # and the sum of squares
    "aten::_fused_adam_": 4,  # and two moments
}
"""How many tensors of a parameter's size each reads; it writes all of them but the gradient."""


@dataclass(frozen=True)
class OperatorWork:
    """What one call of an operator does."""

    flops: int
    read_bytes: int
    written_bytes: int


def operator_work(
    name: str, shapes: Sequence[Shape], types: Sequence[str], dense_bytes: int
) -> OperatorWork:
    """The work of operator ``name`` (``aten::linear``) on inputs of ``shapes`` and element
    ``types``. ``dense_bytes`` is the size of all dense parameters, which an optimizer's fused
    operator walks. Lists of tensors leave no shapes behind: what other operators do with them
    (``aten::cat``) is not counted, nor are the results of reductions, which are small."""
    sizes = [math.prod(shape) for shape in shapes]
    item = [_ITEM_BYTES.get(kind, 4) for kind in types] + [4] * len(shapes)
    tensors = [n * b for n, b, s in zip(sizes, item, shapes, strict=False) if s]
    if name in _OPTIMIZER_READS:
        reads = _OPTIMIZER_READS[name]
        return OperatorWork(dense_bytes // 4, reads * dense_bytes, (reads - 1) * dense_bytes)
    if name in _VIEWS or name in _ALLOCATIONS or not tensors:
        return OperatorWork(0, 0, 0)
    if name in _FILLS:
        return OperatorWork(0, 0, tensors[0])
    if name in _COPIES:
        return OperatorWork(0, tensors[-1], tensors[-1])
    product = _product(name, shapes)
    if product is not None:
        flops, written = product
        return OperatorWork(flops, sum(tensors), written * item[0])
    if name in _ROW_READS or name in _ROW_WRITES:
        return _rows(name, shapes, item)
    elements = max(n for n, s in zip(sizes, shapes, strict=True) if s)
    if name in _REDUCTIONS:
        return OperatorWork(elements, sum(tensors), 0)
    written = tensors[0] if name.endswith("_") else max(tensors)
    return OperatorWork(elements, sum(tensors), written)


def _product(name: str, shapes: Sequence[Shape]) -> tuple[int, int] | None:
    """FLOPs and elements written of a matrix product, or None."""
    if name == "aten::linear" and len(shapes) >= 2 and len(shapes[1]) == 2:
        rows = math.prod(shapes[0][:-1])
        out, inner = shapes[1]
        return 2 * rows * inner * out, rows * out
    pair: Sequence[Shape] = ()
    if name in ("aten::mm", "aten::matmul", "aten::bmm"):
        pair = shapes[:2]
    elif name in ("aten::addmm", "aten::baddbmm"):
        pair = shapes[1:3]
    if len(pair) < 2 or len(pair[0]) < 2 or not pair[1]:
        return None
    left, right = pair
    rows = math.prod(left[:-1])
    columns = right[-1] if len(right) > 1 else 1
    return 2 * rows * left[-1] * columns, rows * columns


def _rows(name: str, shapes: Sequence[Shape], item: Sequence[int]) -> OperatorWork:
    """Inputs are a table, an axis and an index, or for ``embedding`` a table and an index."""
    table, index = shapes[0], shapes[1 if name == "aten::embedding" else 2]
    count = math.prod(index)
    # gather and scatter take an index for every element. Ours repeat a short one along an axis:
    # its own size is not known, and left out.
    single = name in ("aten::gather", "aten::scatter_", "aten::scatter_add_") and len(index) > 1
    moved = count * item[0] * (1 if single else math.prod(table[1:]))
    ids = 0 if single else 8 * count
    if name in _ROW_READS:
        return OperatorWork(0, moved + ids, moved)
    if "add" in name:
        return OperatorWork(moved // item[0], 2 * moved + ids, moved)
    return OperatorWork(0, moved + ids, moved)
