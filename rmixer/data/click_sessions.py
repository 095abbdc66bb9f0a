"""Turns impressions in a log's order into samples with the clicks before them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmixer.data.arrays import Chunks, Column, shape_of
from rmixer.data.hashing import mix64
from rmixer.data.partitions import Partitions

Impressions = Mapping[str, NDArray[Any]]
"""``user``, ``ad``, ``advertiser``, ``position`` (from 0), ``click`` (0 or 1), all of shape [n];
rows of one user next to each other are a session, those of user 0 are of nobody in particular."""

UNKNOWN_USER = 0
_PARTITIONS = 200
_HELD_OUT_PARTITIONS = 40
_CHUNK = 20_000


class Sessions:
    """Impressions in, block after block of one log; samples out.

    An impression is a sample if its session has a click before it. Its history at each of
    ``positions`` is the newest ``history_max`` clicks there, the oldest of them first, padded at
    the end with id 0. A session may go on in the next block.
    """

    def __init__(self, positions: int, history_max: int) -> None:
        self._positions, self._most = positions, history_max
        self._carried: dict[str, NDArray[Any]] = {}
        self.rows = 0

    def samples(self, block: Impressions) -> dict[str, NDArray[Any]]:
        """The samples among the impressions of ``block``, with ``row``, their number in the log."""
        old = len(self._carried["user"]) if self._carried else 0
        rows = {
            name: np.concatenate([self._carried[name], values]) if old else values
            for name, values in block.items()
        }
        count = len(rows["user"])
        number = np.arange(count)
        opens = np.ones(count, dtype=bool)
        opens[1:] = rows["user"][1:] != rows["user"][:-1]
        start = np.maximum.accumulate(np.where(opens, number, 0))
        clicked = rows["click"].astype(bool)
        clicks = [clicked & (rows["position"] == k) for k in range(self._positions)]
        before = [np.cumsum(at) - at for at in clicks]
        since_start = np.stack([seen - seen[start] for seen in before], axis=1)
        found = since_start.any(axis=1) & (rows["user"] != UNKNOWN_USER) & (number >= old)
        sample = np.flatnonzero(found)

        length = np.minimum(since_start[sample], self._most)
        slots = np.arange(self._most)
        inside = slots < length[:, :, None]
        source = np.zeros(inside.shape, dtype=np.int64)
        for k, at in enumerate(clicks):
            first = before[k][sample] - length[:, k]
            where = np.flatnonzero(at)
            if where.size:
                source[:, k] = where[np.minimum(first[:, None] + slots, len(where) - 1)]
        flat = (len(sample), self._positions * self._most)
        history = {
            f"history_{name}s": np.where(inside, rows[name][source], 0).reshape(flat)
            for name in ("ad", "advertiser")
        }
        of_row = {name: rows[name][sample] for name in ("user", "ad", "advertiser", "position")}
        result = {**of_row, **history, "history_length": length, "label": clicked[sample]}
        result["row"] = (sample - old + self.rows).astype(np.uint64)
        self.rows += count - old
        self._carry(rows, start, clicks, before)
        return result

    def _carry(
        self,
        rows: Impressions,
        start: NDArray[np.int64],
        clicks: list[NDArray[np.bool_]],
        before: list[NDArray[np.int64]],
    ) -> None:
        """Keeps the clicks that a next impression of the last session would see."""
        if not len(start):
            return
        kept = np.zeros(len(start), dtype=bool)
        for at, seen in zip(clicks, before, strict=True):
            kept |= at & (seen >= seen[-1] + at[-1] - self._most)
        kept &= start == start[-1]
        self._carried = {name: values[kept] for name, values in rows.items()}


def shuffled(
    blocks: Iterable[Mapping[str, NDArray[Any]]], columns: Mapping[str, Column], folder: Path
) -> Chunks:
    """The samples of all ``blocks``, in an order that depends on their ``row`` alone: by (key
    modulo 200, key), where the key is a fixed mix of ``row``; the last fifth of the 200 parts is
    held out.

    The parts are files in ``folder``: one at a time is in memory.
    """
    stored = [(name, column.stored, shape_of(column, 0)[1:]) for name, column in columns.items()]
    record = np.dtype([("key", "uint64", ()), *stored])
    counts = np.zeros(_PARTITIONS, dtype=np.int64)
    with Partitions(folder, _PARTITIONS, record) as partitions:
        for block in blocks:
            key = mix64(block["row"])
            part = (key % np.uint64(_PARTITIONS)).astype(np.int64)
            partitions.add(part, {**block, "key": key})
            counts += np.bincount(part, minlength=_PARTITIONS)
    for number in range(_PARTITIONS):
        samples = partitions.take(number)
        samples = samples[np.argsort(samples["key"])]
        for start in range(0, len(samples), _CHUNK):
            chunk = samples[start : start + _CHUNK]
            yield {name: chunk[name] for name in columns}
    return int(counts[: _PARTITIONS - _HELD_OUT_PARTITIONS].sum())
