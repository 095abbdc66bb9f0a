"""Amazon product reviews 2014, Electronics: 1,689,188 reviews of 192,403 users.

``reviews_Electronics_5.json`` has a JSON object on each line, ``meta_Electronics.json`` a Python
literal; either may be compressed by gzip.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rmixer.data.arrays import Chunks, Column
from rmixer.data.dataset import DataSet, RawReader
from rmixer.data.raw_lines import first_file, raw_lines
from rmixer.data.reviews import Ids, Reviews, click_samples
from rmixer.data.zipf import zipf_ranks
from rmixer.errors import InputError

ITEMS = 63_001
CATEGORIES = 801
HISTORY_MAX = 100

COLUMNS = {
    "history_items": Column("int32", "int64", HISTORY_MAX, ITEMS),
    "history_categories": Column("int16", "int64", HISTORY_MAX, CATEGORIES),
    "history_length": Column("int16", "int64"),
    "target_item": Column("int32", "int64", 0, ITEMS),
    "target_category": Column("int16", "int64", 0, CATEGORIES),
    "label": Column("uint8", "float32"),
}

_REVIEWS = "reviews_Electronics_5.json"
_META = "meta_Electronics.json"
_SEED = 20140723


class AmazonElectronics(DataSet):
    """Histories of items and categories, and a target that was reviewed next or drawn."""

    columns = COLUMNS

    def twin(self) -> Chunks:
        return _twin()

    def raw_files(self, data: Path) -> tuple[Path, ...]:
        """The reviews and the metadata in the folder ``data``."""
        return tuple(first_file(data, (name, f"{name}.gz")) for name in (_REVIEWS, _META))

    def read(self, raw: RawReader) -> Chunks:
        """Items numbered by their sorted asin, categories by the sorted last leaf of their first
        list, reviews by user in order of time (in the file's order where equal)."""
        return _read(raw.data, *raw.files)


def _read(data: Path, reviews_path: Path, meta_path: Path) -> Chunks:
    asins: dict[str, int] = {}
    users: dict[str, int] = {}
    rows: list[tuple[int, int, int]] = []
    for number, review in _records(reviews_path, json.loads, "a JSON object"):
        user = _field(review, "reviewerID", str, reviews_path, number)
        asin = _field(review, "asin", str, reviews_path, number)
        time = _field(review, "unixReviewTime", int, reviews_path, number)
        rows.append((users.setdefault(user, len(users)), time, asins.setdefault(asin, len(asins))))
    leaf_of = _leaves(meta_path, asins)
    if len(asins) > ITEMS or len(set(leaf_of.values())) > CATEGORIES:
        found = f"{len(asins)} items, {len(set(leaf_of.values()))} categories"
        raise InputError(data, "", found, f"at most {ITEMS} items and {CATEGORIES} categories")
    names = sorted(asins)
    number_of = np.empty(len(names), dtype=np.int64)
    number_of[[asins[name] for name in names]] = np.arange(len(names))
    leaves = {leaf: number for number, leaf in enumerate(sorted(set(leaf_of.values())))}
    category_of = np.array([leaves[leaf_of[name]] for name in names], dtype=np.int64)
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    counts = np.bincount(table[:, 0], minlength=len(users))
    first = np.concatenate([[0], np.cumsum(counts)])
    reviews = Reviews(number_of[table[:, 2]], first, category_of)
    return (yield from click_samples(reviews, HISTORY_MAX, np.random.default_rng(_SEED)))


def _leaves(path: Path, wanted: dict[str, int]) -> dict[str, str]:
    """The category of each wanted item."""
    leaf_of: dict[str, str] = {}
    for number, record in _records(path, ast.literal_eval, "a Python dict"):
        asin = _field(record, "asin", str, path, number)
        if asin in wanted:
            lists = _field(record, "categories", list, path, number)
            try:
                leaf_of[asin] = str(lists[0][-1])
            except (IndexError, TypeError, KeyError):
                key = f"line {number}: categories"
                raise InputError(path, key, repr(lists)[:80], "lists of names") from None
    for asin in wanted:
        if asin not in leaf_of:
            raise InputError(path, "", f"no line for item {asin}", "metadata of every item")
    return leaf_of


def _records(
    path: Path, parse: Callable[[str], Any], what: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in raw_lines(path):
        try:
            record = parse(line.decode("utf-8"))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            record = None
        if not isinstance(record, dict):
            found = repr(line[:80].decode("latin-1"))
            raise InputError(path, f"line {number}", found, f"{what} on every line")
        yield number, record


def _field(record: dict[str, Any], key: str, kind: type, path: Path, number: int) -> Any:
    value = record.get(key)
    if not isinstance(value, kind):
        found = repr(value)[:80] if key in record else "nothing"
        raise InputError(path, f"line {number}: {key}", found, f"a value of type {kind.__name__}")
    return value


_TWIN_USERS = 4430
_TWIN_FAVOURITES = 3
_TWIN_LOYALTY = 0.8
_TWIN_DEMAND_SPREAD = 1.5
_TWIN_ITEM_EXPONENT = 0.9


def _twin() -> Chunks:
    """Synthetic reviews of 4,430 users over the real items and categories, always the same.

    Reviews per user: 5 + a log-normal tail, mean 8.78 as in the real file, at most 430. Sizes of
    categories and the popularity of items within one follow Zipf laws (exponent 0.9); a category
    is in demand by its size times a log-normal factor.

    Planted truth: each user has three favourite categories, drawn by demand, and four reviews of
    five are of items from them: a target is the likelier the more the history has of its
    category. Negatives are uniform, so items and categories in demand are positive more often.
    """
    rng = np.random.default_rng(_SEED)
    size, members = _twin_categories(rng)
    tail = np.floor(np.exp(0.98 + 1.0 * rng.standard_normal(_TWIN_USERS)))
    counts = 5 + np.minimum(tail, 425).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(counts)])
    user = np.repeat(np.arange(_TWIN_USERS), counts)
    weight = size * np.exp(_TWIN_DEMAND_SPREAD * rng.standard_normal(CATEGORIES))
    demand = weight / weight.sum()
    favourites = rng.choice(CATEGORIES, (_TWIN_USERS, _TWIN_FAVOURITES), p=demand)

    def draw(user: Ids) -> Ids:
        favourite = favourites[user, rng.integers(0, _TWIN_FAVOURITES, len(user))]
        anywhere = rng.choice(CATEGORIES, len(user), p=demand)
        category = np.where(rng.random(len(user)) < _TWIN_LOYALTY, favourite, anywhere)
        rank = zipf_ranks(size[category], _TWIN_ITEM_EXPONENT, rng, len(user)) - 1
        return np.asarray(members[(np.cumsum(size) - size)[category] + rank])

    items = draw(user)
    for _ in range(5):
        _, kept = np.unique(user * ITEMS + items, return_index=True)
        repeated = np.setdiff1d(np.arange(len(user)), kept)
        items[repeated] = draw(user[repeated])
    category_of = np.empty(ITEMS, dtype=np.int64)
    category_of[members] = np.repeat(np.arange(CATEGORIES), size)
    reviews = Reviews(items, first, category_of)
    return (yield from click_samples(reviews, HISTORY_MAX, rng))


def _twin_categories(rng: np.random.Generator) -> tuple[Ids, Ids]:
    """The number of items of each category, and the items, category after category."""
    extra = zipf_ranks(CATEGORIES, 0.9, rng, ITEMS - CATEGORIES) - 1
    size = 1 + np.bincount(extra, minlength=CATEGORIES)
    return size, rng.permutation(ITEMS)
