"""Synthetic reviews like those of Amazon's Electronics."""

from __future__ import annotations

import numpy as np

from rmixer.data.reviews import Ids, Reviews
from rmixer.data.zipf import zipf_ranks

_USERS = 4430
_FAVOURITES = 3
_LOYALTY = 0.8
_DEMAND_SPREAD = 1.5
_ITEM_EXPONENT = 0.9
_SAME_DAY = 0.4
_MEDIAN_GAP_DAYS = 40.0
_GAP_SPREAD = 1.3


def twin_reviews(users: int, items: int, categories: int, rng: np.random.Generator) -> Reviews:
    """Reviews of 4,430 of the ``users`` over all ``items`` and ``categories``.

    Reviews per user: 5 + a log-normal tail, mean 8.78 as in the real file, at most 430. Sizes of
    categories and the popularity of items within one follow Zipf laws (exponent 0.9); a category
    is in demand by its size times a log-normal factor. Between two reviews of a user are no days
    in four cases of ten, else 1 + a log-normal number of median 40 √(5 / n) for n reviews. The
    exponent, the factor and the days are assumptions.

    Planted truth: each user has three favourite categories, drawn by demand, and four reviews of
    five are of items from them: a target is the likelier the more the history has of its
    category. Negatives are uniform, so items and categories in demand are positive more often.
    """
    size, members = _items_by_category(items, categories, rng)
    tail = np.floor(np.exp(0.98 + 1.0 * rng.standard_normal(_USERS)))
    counts = 5 + np.minimum(tail, 425).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(counts)])
    user = np.repeat(np.arange(_USERS), counts)
    weight = size * np.exp(_DEMAND_SPREAD * rng.standard_normal(categories))
    demand = weight / weight.sum()
    favourites = rng.choice(categories, (_USERS, _FAVOURITES), p=demand)

    def draw(user: Ids) -> Ids:
        favourite = favourites[user, rng.integers(0, _FAVOURITES, len(user))]
        anywhere = rng.choice(categories, len(user), p=demand)
        category = np.where(rng.random(len(user)) < _LOYALTY, favourite, anywhere)
        rank = zipf_ranks(size[category], _ITEM_EXPONENT, rng, len(user)) - 1
        return np.asarray(members[(np.cumsum(size) - size)[category] + rank])

    reviewed = draw(user)
    for _ in range(5):
        _, kept = np.unique(user * items + reviewed, return_index=True)
        repeated = np.setdiff1d(np.arange(len(user)), kept)
        reviewed[repeated] = draw(user[repeated])
    category_of = np.empty(items, dtype=np.int64)
    category_of[members] = np.repeat(np.arange(categories), size)
    names = np.sort(rng.choice(users, _USERS, replace=False))
    median = _MEDIAN_GAP_DAYS * np.sqrt(5 / counts[user])
    gaps = 1 + median * np.exp(_GAP_SPREAD * rng.standard_normal(len(user)))
    gaps[rng.random(len(user)) < _SAME_DAY] = 0
    days = np.cumsum(gaps.astype(np.int64))
    return Reviews(names, first, reviewed, days, category_of)


def _items_by_category(items: int, categories: int, rng: np.random.Generator) -> tuple[Ids, Ids]:
    """The number of items of each category, and the items, category after category."""
    extra = zipf_ranks(categories, 0.9, rng, items - categories) - 1
    size = 1 + np.bincount(extra, minlength=categories)
    return size, rng.permutation(items)
