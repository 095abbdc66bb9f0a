"""Amazon product reviews 2014, Electronics: 1,689,188 reviews of 192,403 users.

``reviews_Electronics_5.json`` has a JSON object on each line, ``meta_Electronics.json`` a Python
literal; either may be compressed by gzip. The files of 2018 (``Electronics_5.json``, and metadata
in JSON) can be read as well, where they have no more users, items and categories.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmixer.data.amazon_lines import parse_metadata, parse_reviews
from rmixer.data.amazon_twin import twin_reviews
from rmixer.data.arrays import Chunks, Column
from rmixer.data.dataset import DataSet, RawReader
from rmixer.data.raw_lines import first_file
from rmixer.data.reviews import DAYS_MAX, Reviews, click_samples
from rmixer.errors import InputError

Names = NDArray[np.bytes_]

REVIEWS = 1_689_188
USERS = 192_403
ITEMS = 63_001
CATEGORIES = 801
HISTORY_MAX = 100

COLUMNS = {
    "user": Column("int32", "int64", 0, USERS),
    "history_items": Column("uint16", "int64", HISTORY_MAX, ITEMS),
    "history_categories": Column("uint16", "int64", HISTORY_MAX, CATEGORIES),
    "history_days": Column("uint16", "int64", HISTORY_MAX, DAYS_MAX + 1),
    "negative_items": Column("uint16", "int64", HISTORY_MAX, ITEMS),
    "negative_categories": Column("uint16", "int64", HISTORY_MAX, CATEGORIES),
    "history_length": Column("uint8", "int64"),
    "target_item": Column("uint16", "int64", 0, ITEMS),
    "target_category": Column("uint16", "int64", 0, CATEGORIES),
    "label": Column("uint8", "float32"),
}

_REVIEWS = ("reviews_Electronics_5.json", "Electronics_5.json")
_META = ("meta_Electronics.json",)
_SEED = 20140723
_DAY_S = 86_400


class AmazonElectronics(DataSet):
    """Histories of items with their categories and ages, items that the user did not review for
    each of them, and a target that was reviewed next or drawn; see
    :func:`rmixer.data.reviews.click_samples`."""

    columns = COLUMNS

    def twin(self) -> Chunks:
        rng = np.random.default_rng(_SEED)
        reviews = twin_reviews(USERS, ITEMS, CATEGORIES, rng)
        return (yield from click_samples(reviews, HISTORY_MAX, rng))

    def raw_files(self, data: Path) -> tuple[Path, ...]:
        """The reviews and the metadata in the folder ``data``."""
        return tuple(
            first_file(data, tuple(each for name in names for each in (name, f"{name}.gz")))
            for names in (_REVIEWS, _META)
        )

    def read(self, raw: RawReader) -> Chunks:
        """Users are numbered by their sorted ``reviewerID``, items by ``asin``, categories by name.
        An item without one, or without metadata, is in a category without a name, which comes
        first. Reviews are by user in order of time, ties in the file's order; names and times of
        all (less than 100 MB) are held in memory."""
        blocks = [
            (c["user"], c["item"], c["time_s"]) for c in raw.blocks(raw.files[0], parse_reviews)
        ]
        user, item, time_s = (np.concatenate(part) for part in zip(*blocks, strict=True))
        del blocks
        users, user = np.unique(user, return_inverse=True)
        items, item = np.unique(item, return_inverse=True)
        names = _categories(raw, items)
        if not (names != b"").any():
            found = "no category of any item that was reviewed"
            raise InputError(raw.files[1], "", found, "items with categories (or category)")
        categories, category_of = np.unique(names, return_inverse=True)
        raw.count("reviews", len(user), REVIEWS)
        _count(raw, "users", len(users), USERS)
        _count(raw, "items", len(items), ITEMS)
        _count(raw, "categories", len(categories), CATEGORIES)
        raw.count("items without a category", int((names == b"").sum()), 0)
        order = np.lexsort((time_s, user))
        first = np.concatenate([[0], np.cumsum(np.bincount(user))])
        reviews = Reviews(
            np.arange(len(users)), first, item[order], time_s[order] // _DAY_S, category_of
        )
        rng = np.random.default_rng(_SEED)
        return (yield from click_samples(reviews, HISTORY_MAX, rng))


def _categories(raw: RawReader, items: Names) -> Names:
    """For each of the sorted ``items`` its category, by the last line that has the item."""
    found = []
    for block in raw.blocks(raw.files[1], parse_metadata):
        kept = np.isin(block["item"], items)
        found.append((block["item"][kept], block["category"][kept]))
    item, category = (np.concatenate(part) for part in zip(*found, strict=True))
    if not len(item):
        raise InputError(raw.files[1], "", "no item that was reviewed", "metadata of the items")
    names = np.zeros(len(items), dtype=category.dtype)
    names[np.searchsorted(items, item)] = category
    return names


def _count(raw: RawReader, name: str, found: int, rows: int) -> None:
    """Reports ``found`` and raises :class:`InputError` if a table of ``rows`` has too few."""
    raw.count(name, found, rows)
    if found > rows:
        raise InputError(raw.data, "", f"{found} {name}", f"at most {rows}")
