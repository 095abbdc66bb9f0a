"""Amazon Beauty as sequences of items: about 353,962 actions of 40,226 users.

``beauty.txt``, from the repository of BERT4Rec's authors, has a user and an item on each line,
two integers from 1 and a blank between them; a user's lines are in order of time.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmixer.data.arrays import Chunks, Column
from rmixer.data.dataset import DataSet, Lines, Parsed, RawReader
from rmixer.data.masked_sequences import Sequences, masked_samples
from rmixer.data.raw_lines import first_file
from rmixer.data.zipf import zipf_ranks
from rmixer.errors import InputError

USERS = 40_226
ITEMS = 54_542
ROWS = ITEMS + 4
"""Row 0 is padding, then come the items, then the mask; two more are as in the published table."""
MASK = ITEMS + 1
ACTIONS = 353_962
HISTORY_MAX = 50
SLOTS = 8
CANDIDATES = 100
LEAST_ITEMS = 3

COLUMNS = {
    "items": Column("uint16", "int64", HISTORY_MAX, ROWS),
    "length": Column("uint8", "int64"),
    "masked_places": Column("uint8", "int64", SLOTS),
    "masked_items": Column("uint16", "int64", SLOTS, ROWS),
    "masked_count": Column("uint8", "int64"),
    "candidates": Column("uint16", "int64", CANDIDATES, ROWS),
}

_LINE = re.compile(rb"([0-9]{1,9}) ([0-9]{1,9})")
_SEED = 20190414


class AmazonBeauty(DataSet):
    """A user's newest items, some of them masked, and the original masked items."""

    columns = COLUMNS

    def twin(self) -> Chunks:
        rng = np.random.default_rng(_SEED)
        return masked_samples(_twin_sequences(rng), MASK, SLOTS, HISTORY_MAX, CANDIDATES, rng)

    def raw_files(self, data: Path) -> tuple[Path, ...]:
        """``data`` itself, or ``beauty.txt`` or ``beauty.txt.gz`` in it."""
        if data.is_dir():
            return (first_file(data, ("beauty.txt", "beauty.txt.gz")),)
        if data.is_file():
            return (data,)
        raise InputError(data, "", "no such file", "beauty.txt or beauty.txt.gz, or its folder")

    def read(self, raw: RawReader) -> Chunks:
        """The last item of each user is held out, users with fewer than three items are left
        out; masks and candidates are drawn with a fixed seed. The file is held in memory."""
        blocks = [(c["user"], c["item"]) for c in raw.blocks(raw.files[0], parse_lines)]
        user, item = (np.concatenate([*part, np.empty(0, np.int64)]) for part in _columns(blocks))
        most = int(item.max(initial=0))
        if most > ITEMS:
            raise InputError(raw.files[0], "", f"item {most}", f"items 1 to {ITEMS}")
        raw.count("actions", len(user), ACTIONS)
        raw.count("items", len(np.unique(item)), ITEMS)
        known, number, counts = np.unique(user, return_inverse=True, return_counts=True)
        raw.count("users", len(known), USERS)
        enough = counts >= LEAST_ITEMS
        raw.count("users with fewer than three items", int((~enough).sum()))
        kept = enough[number]
        order = np.argsort(number[kept], kind="stable")
        first = np.concatenate([[0], np.cumsum(counts[enough])])
        sequences = Sequences(item[kept][order], first)
        rng = np.random.default_rng(_SEED)
        samples = masked_samples(sequences, MASK, SLOTS, HISTORY_MAX, CANDIDATES, rng)
        return (yield from samples)


def parse_lines(lines: Lines) -> Parsed:
    """Lines of the raw file as columns."""
    found = [_LINE.fullmatch(line) for line in lines]
    pairs = [(int(m[1]), int(m[2])) if m else (0, 0) for m in found]
    values = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    good = values.min(axis=1, initial=1) > 0
    malformed = tuple(
        (int(at), f"{lines[at][:80].decode('latin-1')!r}, not a user and an item, both from 1")
        for at in np.flatnonzero(~good)
    )
    return Parsed({"user": values[good, 0], "item": values[good, 1]}, malformed)


def _columns(
    blocks: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    return [user for user, _ in blocks], [item for _, item in blocks]


_TWIN_USERS = 20_113
_TWIN_GROUPS = 20
_TWIN_LOYALTY = 0.9
_TWIN_FOLLOWS = 0.25
_TWIN_EXPONENT = 1.3


def _twin_sequences(rng: np.random.Generator) -> Sequences:
    """Synthetic sequences of 20,113 users (half the real number, for time and space) over the
    real number of items, hardly any twice in one sequence.

    Items per user: 5 + a log-normal tail of mean 3.8, so 8.8 as in the real file, at most 200.
    Items are in 20 groups of about the same size, and their popularity within a group follows a
    Zipf law (exponent 1.3, an assumption: steep, so that a few hundred steps show whether a
    model learns).

    Planted truth: a user has a group, and nine items of ten are from it, the others uniform from
    all. In a quarter of the steps within the group the next item is the one that follows the last
    by a fixed cycle through the group's items.
    """
    size = rng.multinomial(ITEMS, np.full(_TWIN_GROUPS, 1.0 / _TWIN_GROUPS))
    begins = np.cumsum(size) - size
    members = 1 + rng.permutation(ITEMS)
    tail = np.floor(np.exp(0.98 + 1.0 * rng.standard_normal(_TWIN_USERS)))
    counts = 5 + np.minimum(tail, 195).astype(np.int64)
    user = np.repeat(np.arange(_TWIN_USERS), counts)
    group = rng.integers(0, _TWIN_GROUPS, _TWIN_USERS)[user]

    def draw(group: NDArray[np.int64]) -> NDArray[np.int64]:
        return zipf_ranks(size[group], _TWIN_EXPONENT, rng, len(group)) - 1

    rank = draw(group)
    follows = rng.random(len(user)) < _TWIN_FOLLOWS
    follows[1:] &= user[1:] == user[:-1]
    follows[0] = False
    # A run of steps that follow each other adds its length to the rank that it began with.
    place = np.arange(len(user))
    began = np.maximum.accumulate(np.where(follows, 0, place))
    rank = (rank[began] + place - began) % size[group]
    for _ in range(5):
        _, kept = np.unique(user * ITEMS + rank, return_index=True)
        repeated = np.setdiff1d(place, kept)
        rank[repeated] = draw(group[repeated])
    own = begins[group] + rank
    anywhere = rng.integers(0, ITEMS, len(user))
    item = members[np.where(rng.random(len(user)) < _TWIN_LOYALTY, own, anywhere)]
    return Sequences(item, np.concatenate([[0], np.cumsum(counts)]))
