"""Reads, writes and adds rows of an embedding table by PyTorch's fastest operators.

A row on the CPU costs its cache misses and its number of elements: operators that copy go element
by element. So rows are copied as elements of 16 or 8 bytes if their length allows it (values are
not interpreted), and as a vector if that leaves one element a row.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Up to this many elements a row, ``scatter_`` takes less time than ``index_copy_``.
_SCATTER_ELEMENTS = 8


def read_rows(table: Tensor, ids: Tensor) -> Tensor:
    """``table[ids]``, contiguous [n, dim], from ``table`` [rows, dim] and ``ids`` int64 [n]."""
    wide = table.view(_widest(table))
    if wide.shape[1] == 1:
        return wide[:, 0].index_select(0, ids).unsqueeze(1).view(table.dtype)
    return table.index_select(0, ids)


def write_rows(table: Tensor, ids: Tensor, rows: Tensor) -> None:
    """``table[ids] = rows`` [n, dim]; the rows of a repeated id must be equal."""
    widest = _widest(table, rows)
    table, rows = table.view(widest), rows.view(widest)
    if table.shape[1] == 1:
        table[:, 0].scatter_(0, ids, rows[:, 0])
    elif table.device.type == "cpu" and table.shape[1] <= _SCATTER_ELEMENTS:
        table.scatter_(0, _along_rows(ids, table), rows)
    else:
        table.index_copy_(0, ids, rows)


def add_to_rows(table: Tensor, ids: Tensor, rows: Tensor) -> None:
    """``table[ids] += rows`` [n, dim]; the rows of a repeated id add up."""
    if table.shape[1] == 1:
        table[:, 0].scatter_add_(0, ids, rows[:, 0])
    else:
        table.scatter_add_(0, _along_rows(ids, table), rows)


def _along_rows(ids: Tensor, rows: Tensor) -> Tensor:
    return ids.unsqueeze(1).expand(-1, rows.shape[1])


def _widest(*tables: Tensor) -> torch.dtype:
    """The widest element type as which all rows can be viewed; the table's type on another
    device."""
    own = tables[0].dtype
    if tables[0].device.type == "cpu":
        for dtype in (torch.complex128, torch.int64):
            ratio = dtype.itemsize // own.itemsize
            if not any(
                size % ratio
                for rows in tables
                for size in (rows.shape[1], rows.stride(0), rows.storage_offset())
            ):
                return dtype
    return own
