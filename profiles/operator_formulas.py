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
_ROW_WRITES = ("aten::index_add_", "aten::index_copy_", "aten::scatter_", "aten::scatter_add_")
_VIEWS = (
    "aten::view",
    "aten::reshape",
    "aten::t",
    "aten::transpose",
    "aten::expand",
    "aten::unsqueeze",
    "aten::squeeze",
    "aten::select",
    "aten::slice",
    "aten::detach",
    "aten::as_strided",
    "aten::permute",
    "aten::flatten",
    "aten::unflatten",
    "aten::split",
    "aten::alias",
)
_FILLS = ("aten::zeros", "aten::zero_", "aten::fill_", "aten::ones", "aten::empty", "aten::full")


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
    ``types``. ``dense_bytes`` is the size of all dense parameters, which a fused or foreach
    optimizer operator walks: its lists of tensors leave no shapes behind."""
    sizes = [math.prod(shape) for shape in shapes]
    item = [_ITEM_BYTES.get(kind, 4) for kind in types] + [4] * len(shapes)
    read = sum(n * b for n, b, s in zip(sizes, item, shapes, strict=False) if s)
    if name.startswith(("aten::_foreach", "aten::_fused")):
        passes = 4 if name.startswith("aten::_fused") else 2
        return OperatorWork(dense_bytes // 4, passes * dense_bytes, (passes - 1) * dense_bytes)
    if name in _VIEWS:
        return OperatorWork(0, 0, 0)
    if name in _FILLS:
        return OperatorWork(0, 0, read)
    product = _product(name, shapes)
    if product is not None:
        flops, written = product
        return OperatorWork(flops, read, written * item[0])
    if name in _ROW_READS or name in _ROW_WRITES:
        return _rows(name, shapes, sizes, item)
    largest = max((n * b for n, b, s in zip(sizes, item, shapes, strict=False) if s), default=0)
    first = sizes[0] * item[0] if shapes and shapes[0] else 0
    written = first if name.endswith("_") else largest
    return OperatorWork(max(sizes, default=0) if read else 0, read, written)


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
    if len(pair) < 2 or len(pair[0]) < 2 or len(pair[1]) < 2:
        return None
    left, right = pair
    batch = math.prod(left[:-2])
    return 2 * batch * left[-2] * left[-1] * right[-1], batch * left[-2] * right[-1]


def _rows(
    name: str, shapes: Sequence[Shape], sizes: Sequence[int], item: Sequence[int]
) -> OperatorWork:
    table = next((shape for shape in shapes if shape), ())
    row = math.prod(table[1:]) * item[0]
    lists = [n for n, s in zip(sizes, shapes, strict=True) if len(s) == 1 and s is not table]
    count = max(lists, default=0)
    if name in _ROW_READS:
        return OperatorWork(0, count * (row + 8), count * row)
    adds = count * row // item[0] if "add" in name else 0
    return OperatorWork(adds, count * (2 * row + 8), count * row)
