"""Batches of any shape: their tensors found, counted and moved."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import torch

from rmixer.training.nested import moved, stored_bytes, tensors_in

Pair = namedtuple("Pair", ["left", "right"])
ONES, TWOS, THREES = (torch.full((4,), float(value)) for value in (1, 2, 3))


def batch() -> Any:
    return {"a": [ONES, "text"], "b": (TWOS, None), "c": Pair(THREES, 7)}


def test_tensors_come_in_order() -> None:
    assert [int(tensor[0]) for tensor in tensors_in(batch())] == [1, 2, 3]
    assert list(tensors_in(ONES)) == [ONES]
    assert list(tensors_in("text")) == []


def test_a_moved_batch_has_the_same_shape() -> None:
    """The device without memory stands for a GPU."""
    found = moved(batch(), torch.device("meta"))
    assert [tensor.device.type for tensor in tensors_in(found)] == ["meta"] * 3
    assert (type(found["a"]), type(found["b"]), type(found["c"])) == (list, tuple, Pair)
    assert (found["a"][1], found["b"][1], found["c"].right) == ("text", None, 7)


def test_what_can_move_itself_does() -> None:
    class Graph:
        def to(self, device: torch.device) -> str:
            return f"graph on {device}"

    assert moved([Graph()], torch.device("meta")) == ["graph on meta"]


def test_a_sparse_tensor_is_its_indices_and_values() -> None:
    indices = torch.tensor([[0, 2, 2]])
    sparse = torch.sparse_coo_tensor(indices, torch.ones(3, 5), (10, 5), check_invariants=True)
    assert stored_bytes([sparse, ONES, None]) == 3 * 8 + 3 * 5 * 4 + 16
