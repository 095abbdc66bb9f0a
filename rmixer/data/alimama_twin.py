"""Synthetic impressions of advertisements and behaviours, at the real cardinalities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmixer.data.alimama_join import HISTORY_MAX
from rmixer.data.alimama_lines import IDS, LEVELS
from rmixer.data.arrays import Chunks
from rmixer.data.planted import PlantedTruth
from rmixer.data.zipf import zipf_ranks

Ids = NDArray[np.int64]

POSITIVE_RATE = 0.0514
_SEED = 20170513
_USERS = 12_000
_DAYS, _FIRST_DAY, _LAST_DAY = 22, 14, 21
_KIND_SHARES = (0.9525, 0.0220, 0.0129, 0.0126)
_FAVOURITES = 4
_MOST_BEHAVIOURS = 5_000
_LOYALTY = 0.75
_AIMED = 0.5
_EXPONENT = 0.9
_BRANDED = 0.71
_DECAY = 0.95
_MATCH_WEIGHT = 6.0
_CATEGORY_WEIGHT = 0.7
_LEVEL_WEIGHT = 0.25
_PRICE_WEIGHT = -0.3


def twin() -> Chunks:
    """About 275,000 impressions of 12,000 of the users, always the same.

    From the real files: impressions a user (mean 23.3, log-normal), behaviours a user (mean 636,
    log-normal up to 5,000; none for 0.5%), shares of their kinds, 7% of users without a profile,
    eight days of impressions of 22 of behaviours, the last day held out, 5.14% positive.
    Assumptions: categories by a Zipf law (exponent 0.9); a category has ads and brands as it is
    in demand, and these follow power laws (exponent 2/3); 29% of ads have no brand; profile
    fields uniform, pvalue_level missing for 54%, new_user_class_level for 32%; log-normal prices
    around 200.

    Each user has four favourite categories; three behaviours of four and half of the impressions
    are of them. Planted truth: logit = bias + 6 × the share of the ad's category in the history
    (a behaviour counts 0.95 times the next newer one) + 0.7 effect(category) + Σ of profile and
    place 0.25 effect(value) - 0.3 (ln(1 + price) - 5).
    """
    rng = np.random.default_rng(_SEED)
    catalogue = _Catalogue(rng)
    shown = 1 + np.floor(np.exp(2.385 + 1.2 * rng.standard_normal(_USERS))).astype(np.int64)
    user = np.repeat(np.arange(_USERS), shown)
    time = (_FIRST_DAY + (_DAYS - _FIRST_DAY) * rng.random(len(user))) / _DAYS
    held_out = time >= _LAST_DAY / _DAYS
    order = rng.permutation(len(user))
    order = np.concatenate([order[~held_out[order]], order[held_out[order]]])
    user, time = user[order], time[order]
    favourites = catalogue.demanded(rng, _USERS * _FAVOURITES).reshape(_USERS, -1)
    history = _histories(user, time, favourites, catalogue, rng)
    category = catalogue.categories(rng, _AIMED, favourites[user])
    ad = catalogue.ads.draw(rng, category)
    price = catalogue.price[ad]
    levels = _levels(user, rng)
    truth = PlantedTruth(len(user))
    truth.add(_MATCH_WEIGHT * _share(history, category))
    truth.add_fields(category[:, None], _CATEGORY_WEIGHT)
    truth.add_fields(levels, _LEVEL_WEIGHT)
    truth.add(_PRICE_WEIGHT * (price - 5.0))
    names = rng.permutation(IDS[0] - 1)[:_USERS] + 1
    of_ad = [category, catalogue.brand[ad], catalogue.campaign[ad], catalogue.customer[ad]]
    yield {
        "ids": np.stack([names[user], ad, *of_ad], axis=1),
        "levels": levels,
        "price": price,
        **history,
        "label": truth.labels(POSITIVE_RATE, rng),
    }
    return int((~held_out).sum())


class _Members:
    """Ids 1, 2, ... in no order, some of them (at least one) of each category."""

    def __init__(self, rng: np.random.Generator, rows: int) -> None:
        self.ids = rng.permutation(rows - 1) + 1
        extra = zipf_ranks(IDS[2] - 1, _EXPONENT, rng, rows - IDS[2])
        self.size = np.bincount(np.concatenate([np.arange(1, IDS[2]), extra]), minlength=IDS[2])
        self.first = np.cumsum(self.size) - self.size

    def draw(self, rng: np.random.Generator, category: Ids) -> Ids:
        """A member of each ``category``, by a power law (exponent 2/3)."""
        place = self.size[category] * rng.random(len(category)) ** 3
        return np.asarray(self.ids[self.first[category] + place.astype(np.int64)])


class _Catalogue:
    """Ads and brands of each category; arrays with a value for each ad."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.ads, self.brands = _Members(rng, IDS[1]), _Members(rng, IDS[3])
        category = np.zeros(IDS[1], dtype=np.int64)
        category[self.ads.ids] = np.repeat(np.arange(IDS[2]), self.ads.size)
        category[0] = 1
        has_brand = rng.random(IDS[1]) < _BRANDED
        self.brand = np.where(has_brand, self.brands.draw(rng, category), 0)
        self.campaign = rng.integers(1, IDS[4], IDS[1])
        self.customer = rng.integers(1, IDS[5], IDS[4])[self.campaign]
        self.price = (5.3 + 1.5 * rng.standard_normal(IDS[1])).astype(np.float32)

    def demanded(self, rng: np.random.Generator, n: int) -> Ids:
        """``n`` categories by demand."""
        return zipf_ranks(IDS[2] - 1, _EXPONENT, rng, n)

    def categories(self, rng: np.random.Generator, loyalty: float, favourites: Ids) -> Ids:
        """For each line of ``favourites`` one of them, or else any by demand."""
        n = len(favourites)
        found = favourites[np.arange(n), rng.integers(0, _FAVOURITES, n)]
        anywhere = np.flatnonzero(rng.random(n) >= loyalty)
        found[anywhere] = self.demanded(rng, len(anywhere))
        return found


def _histories(
    user: Ids,
    time: NDArray[np.float64],
    favourites: Ids,
    catalogue: _Catalogue,
    rng: np.random.Generator,
) -> dict[str, NDArray[Any]]:
    """The newest 50 behaviours of ``user`` at ``time``, a fraction of all days. Behaviours are
    evenly spread over the days; only those that an impression may see are drawn."""
    count = np.exp(5.735 + 1.2 * rng.standard_normal(_USERS)).astype(np.int64)
    count = np.minimum(count, _MOST_BEHAVIOURS)
    count[rng.random(_USERS) < 0.005] = 0
    oldest = np.maximum(count * _FIRST_DAY // _DAYS - HISTORY_MAX, 0)
    kept = count - oldest
    first = 1 + np.cumsum(kept) - kept
    of_user = np.repeat(np.arange(_USERS), kept)
    category = catalogue.categories(rng, _LOYALTY, favourites[of_user])
    brand = catalogue.brands.draw(rng, category)
    kind = 1 + rng.choice(len(_KIND_SHARES), len(of_user), p=_KIND_SHARES)

    before = (time * count[user]).astype(np.int64)
    length = np.minimum(before, HISTORY_MAX)
    slots = np.arange(HISTORY_MAX)
    newest = first[user] + before - oldest[user] - 1
    at = np.where(slots < length[:, None], newest[:, None] - slots, 0)
    columns = {
        "history_categories": (category, np.int16),
        "history_brands": (brand, np.int32),
        "history_kinds": (kind, np.uint8),
    }
    # What padding reads, at 0, is 0.
    found: dict[str, NDArray[Any]] = {
        name: np.concatenate([[0], values]).astype(stored)[at]
        for name, (values, stored) in columns.items()
    }
    return {**found, "history_length": length.astype(np.uint8)}


def _share(history: dict[str, NDArray[Any]], category: Ids) -> NDArray[np.float64]:
    """The share of each history in the ``category``, with newer behaviours weighted more; 0 without
    one."""
    weights = _DECAY ** np.arange(HISTORY_MAX)
    same = history["history_categories"] == category[:, None]
    total = np.concatenate([[1.0], np.cumsum(weights)])[history["history_length"]]
    return np.asarray((same @ weights) / total)


def _levels(user: Ids, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Profile and place of each impression."""
    levels = rng.integers([0, 0, 1, 0, 1, 1, 0, 1], [*LEVELS[:6], 2, LEVELS[7]], (_USERS, 8))
    levels[rng.random(_USERS) < 0.54, 4] = 0
    levels[rng.random(_USERS) < 0.32, 7] = 0
    levels[rng.random(_USERS) < 0.07] = 0
    place = rng.random(len(user)) < 0.6
    return np.concatenate([levels[user], place[:, None]], axis=1).astype(np.uint8)
