"""Impressions and the behaviours before them, grouped by user on disk and joined part by part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmixer.data.dataset import ParsedColumns
from rmixer.data.hashing import mix64
from rmixer.data.partitions import Partitions

HISTORY_MAX = 50
_PARTS = 256
_CHUNK = 20_000
_BEHAVIOUR = np.dtype(
    [("user", "i4"), ("time", "i4"), ("kind", "u1"), ("category", "i2"), ("brand", "i4")]
)
_IMPRESSION = np.dtype(
    [("user", "i4"), ("time", "i4"), ("ad", "i4"), ("place", "u1"), ("label", "u1"), ("row", "i8")]
)


def join(
    impressions: Iterable[ParsedColumns], behaviours: Iterable[ParsedColumns], folder: Path
) -> Iterator[dict[str, NDArray[Any]]]:
    """Yields every impression with its user's behaviours strictly before it, in no particular
    order.

    Impressions have ``user``, ``time``, ``ad``, ``place``, ``label`` and ``row``; behaviours
    ``user``, ``time``, ``kind``, ``category``, ``brand``. Added are ``history_kinds``,
    ``history_categories`` and ``history_brands``, [n, 50], the newest first (of two at one time the
    later in the log), padded with 0 at the end, and ``history_length``. Memory holds one of 256
    parts.
    """
    by_user = []
    for name, record, blocks in (
        ("impressions", _IMPRESSION, impressions),
        ("behaviours", _BEHAVIOUR, behaviours),
    ):
        (folder / name).mkdir()
        with Partitions(folder / name, _PARTS, record) as partitions:
            for block in blocks:
                hashed = mix64(block["user"].astype(np.uint64))
                partitions.add((hashed % np.uint64(_PARTS)).astype(np.int64), block)
        by_user.append(partitions)
    for part in range(_PARTS):
        yield from _joined(by_user[0].take(part), by_user[1].take(part))


def _joined(
    impressions: NDArray[Any], behaviours: NDArray[Any]
) -> Iterator[dict[str, NDArray[Any]]]:
    keys = _key(behaviours["user"], behaviours["time"])
    order = np.argsort(keys, kind="stable")
    keys, behaviours = keys[order], behaviours[order]
    slots = np.arange(HISTORY_MAX)
    for start in range(0, len(impressions), _CHUNK):
        chunk = impressions[start : start + _CHUNK]
        end = np.searchsorted(keys, _key(chunk["user"], chunk["time"]))
        first = np.searchsorted(keys, chunk["user"].astype(np.int64) << 32)
        length = np.minimum(end - first, HISTORY_MAX)
        inside = slots < length[:, None]
        joined = {name: chunk[name] for name in _IMPRESSION.names or ()}
        joined["history_length"] = length.astype(np.uint8)
        if len(behaviours):
            found = behaviours[np.where(inside, end[:, None] - 1 - slots, 0)]
        else:
            found = np.zeros(inside.shape, dtype=_BEHAVIOUR)
        for name, plural in _HISTORY.items():
            joined[plural] = np.where(inside, found[name], 0).astype(found[name].dtype)
        yield joined


_HISTORY = {
    "kind": "history_kinds",
    "category": "history_categories",
    "brand": "history_brands",
}


def _key(user: NDArray[np.int32], time: NDArray[np.int32]) -> NDArray[np.int64]:
    """One number that orders by user, then by time."""
    return np.asarray((user.astype(np.int64) << 32) + (time.astype(np.int64) + (1 << 31)))
