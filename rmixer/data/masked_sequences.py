"""Turns users' sequences of items into samples with masked items, and one held-out item a user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmixer.data.arrays import Chunk, Chunks

Ids = NDArray[np.int64]
MASKED_SHARE = 0.6
RANDOM_COPIES = 10
_CHUNK = 20_000
_DRAWS = 140


@dataclass(frozen=True)
class Sequences:
    """Items, from 1, of all users, one user after another, each in order of time: user u's are
    ``items[first[u]:first[u + 1]]``, at least two."""

    items: Ids
    first: Ids


def masked_samples(
    sequences: Sequences,
    mask: int,
    slots: int,
    history_max: int,
    candidates: int,
    rng: np.random.Generator,
) -> Chunks:
    """Samples of BERT4Rec's preparation.

    Training sees all but the last item of each user, the newest ``history_max`` of them, in ten
    copies with random masks and in one with only its last item masked, all copies of all users in
    random order. Of n items 0.6 n are masked, rounded, at least one and at most ``slots``. The
    held-out sample of each user has the last item masked, after the newest before it, and its
    ``candidates`` other items, drawn by popularity from those that the user never had: all
    different, filled up with 0 if there are too few.
    """
    users = len(sequences.first) - 1
    if users == 0:
        return 0
    copies = rng.permutation(users * (RANDOM_COPIES + 1))
    for start in range(0, len(copies), _CHUNK):
        of_chunk = copies[start : start + _CHUNK]
        yield _masked(
            sequences,
            of_chunk % users,
            of_chunk // users < RANDOM_COPIES,
            (mask, slots, history_max, candidates),
            rng,
        )
    popularity = _Popularity(sequences)
    for start in range(0, users, _CHUNK):
        user = np.arange(start, min(start + _CHUNK, users))
        sizes = (mask, slots, history_max, candidates)
        chunk = _masked(sequences, user, None, sizes, rng)
        yield {**chunk, "candidates": popularity.others(user, candidates, rng)}
    return len(copies)


def _masked(
    sequences: Sequences,
    user: Ids,
    random: NDArray[np.bool_] | None,
    sizes: tuple[int, int, int, int],
    rng: np.random.Generator,
) -> Chunk:
    """A sample for each of ``user``: masked at random where ``random`` is true, else at its last
    place; with None it is the held-out sample."""
    mask, slots, history_max, candidates = sizes
    end = sequences.first[user + 1] - (random is not None)
    length = np.minimum(end - sequences.first[user], history_max)
    place = np.arange(history_max)
    inside = place < length[:, None]
    source = np.minimum((end - length)[:, None] + place, len(sequences.items) - 1)
    items = np.where(inside, sequences.items[source], 0)
    count = np.ones(len(user), dtype=np.int64)
    # The places to mask are those of the least keys: the last one's, or random ones'.
    key = np.where(place == length[:, None] - 1, -1.0, 1.0)
    if random is not None:
        most = np.clip(np.rint(MASKED_SHARE * length).astype(np.int64), 1, slots)
        count = np.where(random, most, count)
        key = np.where(random[:, None], rng.random(key.shape), key)
    chosen = np.argsort(np.where(inside, key, 2.0), axis=1)[:, :slots]
    used = np.arange(slots) < count[:, None]
    chosen = np.where(used, chosen, 0)
    masked_items = np.where(used, np.take_along_axis(items, chosen, axis=1), 0)
    row = np.broadcast_to(np.arange(len(user))[:, None], chosen.shape)
    items[row[used], chosen[used]] = mask
    return {
        "items": items,
        "length": length,
        "masked_places": chosen,
        "masked_items": masked_items,
        "masked_count": count,
        "candidates": np.zeros((len(user), candidates), dtype=np.uint16),
    }


class _Popularity:
    """Draws items as often as they occur."""

    def __init__(self, sequences: Sequences) -> None:
        self._items = sequences.items
        self._span = int(sequences.items.max()) + 1
        user = np.repeat(np.arange(len(sequences.first) - 1), np.diff(sequences.first))
        self._had = np.unique(user * self._span + sequences.items)

    def others(self, user: Ids, count: int, rng: np.random.Generator) -> Ids:
        """For each of ``user`` up to ``count`` different items that the user never had, then
        zeros."""
        drawn = self._items[rng.integers(0, len(self._items), (len(user), _DRAWS))]
        keys = (user[:, None] * self._span + drawn).ravel()
        _, first = np.unique(keys, return_index=True)
        fresh = np.zeros(len(keys), dtype=bool)
        fresh[first] = True
        near = np.minimum(np.searchsorted(self._had, keys), len(self._had) - 1)
        fresh &= self._had[near] != keys
        keep = fresh.reshape(drawn.shape)
        keep &= np.cumsum(keep, axis=1) <= count
        row, column = np.nonzero(keep)
        place = (np.cumsum(keep, axis=1) - 1)[row, column]
        found = np.zeros((len(user), count), dtype=np.int64)
        found[row, place] = drawn[row, column]
        return found
