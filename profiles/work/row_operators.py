"""Operators that touch some rows or elements of a table: look-ups, and their updates."""

from __future__ import annotations

from collections.abc import Sequence

from profiles.work.operands import Argument, Operand

Amounts = tuple[int, int, int]
"""FLOPs, bytes read, bytes written."""
_BY_ROW = ("index_add", "index_copy", "index_fill")
_BY_ELEMENT = ("scatter", "scatter_add", "scatter_reduce")
_BAGS = ("embedding_bag", "_embedding_bag", "_embedding_bag_forward_only")
TABLE_GRADIENTS = ("embedding_dense_backward", "_embedding_bag_dense_backward")
ROW_OPERATORS = frozenset(
    (
        *("index_select", "embedding", "gather", "index", "index_put", "_index_put_impl"),
        *(*TABLE_GRADIENTS, *_BY_ROW, *_BY_ELEMENT, *_BAGS),
    )
)


def row_amounts(
    kind: str, arguments: Sequence[Argument], in_place: bool, result_bytes: int | None
) -> Amounts | None:
    """The work of the row operator ``kind`` (without ``aten::`` and a last ``_``); None if its
    arguments do not determine it. One that is not in place copies the table first."""
    tensors = [argument for argument in arguments if isinstance(argument, Operand)]
    if kind in ("index", "index_put", "_index_put_impl"):
        # Their indices are a list with gaps, of which the profiler keeps nothing: not counted.
        moved = result_bytes if kind == "index" else tensors[-1].bytes
        return None if moved is None else (0, moved, moved)
    if len(tensors) < 2:
        return None
    if kind in ("embedding", *_BAGS):
        return _bags(kind, tensors)
    if kind in TABLE_GRADIENTS:
        gradient, ids = tensors[:2]
        added = ids.elements * gradient.shape[-1]  # a bag's row for each of its ids
        moved = added * gradient.item_bytes
        zeroed = result_bytes or 0  # all of the table's gradient
        return added, 2 * moved + ids.bytes, zeroed + moved
    table, index = tensors[:2]
    if kind in ("index_select", *_BY_ROW) and not isinstance(arguments[1], int | float):
        return None
    axis = int(arguments[1]) if isinstance(arguments[1], int | float) else 0
    row = table.elements // table.shape[axis] if table.shape and table.shape[axis] else 1
    moved = table.item_bytes * index.elements * (row if kind in ("index_select", *_BY_ROW) else 1)
    if kind in ("index_select", "gather"):
        return 0, moved + index.bytes, moved
    source = tensors[2].bytes if len(tensors) > 2 else 0
    added = moved if kind in ("index_add", "scatter_add", "scatter_reduce") else 0
    copied = 0 if in_place else table.bytes
    return (
        added // table.item_bytes,
        copied + added + source + index.bytes,
        copied + moved,
    )


def _bags(kind: str, tensors: Sequence[Operand]) -> Amounts:
    """The work for a table and ids; for bags also the places where each begins: their rows are
    added up."""
    table, ids = tensors[:2]
    read = table.item_bytes * ids.elements * table.shape[-1]
    if kind == "embedding":
        return 0, read + ids.bytes, read
    begins = tensors[2]
    written = table.item_bytes * begins.elements * table.shape[-1]
    return read // table.item_bytes, read + ids.bytes + begins.bytes, written
