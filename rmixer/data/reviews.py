"""Turns users' reviews in order of time into samples of (history, target, label)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmixer.data.arrays import Chunks

Ids = NDArray[np.int64]

DAYS_MAX = 5000
"""The largest number of days between a review and the target; older reviews get it."""

_CHUNK = 20_000


@dataclass(frozen=True)
class Reviews:
    """Reviews of all users, one user after another, each in order of time.

    User ``users[u]`` reviewed ``items[first[u]:first[u + 1]]``, on those places of ``days``;
    item i is in ``category_of[i]``.
    """

    users: Ids
    first: Ids
    items: Ids
    days: Ids
    category_of: Ids


def click_samples(reviews: Reviews, history_max: int, rng: np.random.Generator) -> Chunks:
    """Samples of the public DIN preparation, by position of the target in its user's n reviews.

    Positions 1 to n - 2 give one positive and one negative training sample each, in random order;
    position n - 1 gives the held-out pair. A negative is an item drawn uniformly from those the
    user did not review. The history is the newest ``history_max`` items before the target, padded
    at the end with 0. ``history_days`` are the days from each to the target's review (a negative
    has those of the target it replaces), at most :data:`DAYS_MAX`. ``negative_items`` has for each
    review of the history another item, the same in all samples, drawn like the negative target.
    """
    lengths = np.diff(reviews.first)
    user = np.repeat(np.arange(len(lengths)), lengths)
    position = np.arange(len(user)) - reviews.first[user]
    last = lengths[user] - 1
    training = np.flatnonzero((position >= 1) & (position < last))
    held_out = np.flatnonzero((position >= 1) & (position == last))
    targets = _negatives(reviews, user, rng)
    beside = _negatives(reviews, user, rng)
    slots = np.arange(history_max)
    for part in (training, held_out):
        order = rng.permutation(2 * len(part))
        place, positive = np.concatenate([part, part])[order], order < len(part)
        for start in range(0, len(order), _CHUNK):
            at, label = place[start : start + _CHUNK], positive[start : start + _CHUNK]
            target = np.where(label, reviews.items[at], targets[at])
            length = np.minimum(position[at], history_max)
            source = np.minimum((at - length)[:, None] + slots, len(user) - 1)
            inside = slots < length[:, None]
            days = np.minimum(reviews.days[at][:, None] - reviews.days[source], DAYS_MAX)
            yield {
                "user": reviews.users[user[at]],
                "history_items": np.where(inside, reviews.items[source], 0),
                "history_categories": np.where(
                    inside, reviews.category_of[reviews.items[source]], 0
                ),
                "history_days": np.where(inside, days, 0),
                "negative_items": np.where(inside, beside[source], 0),
                "negative_categories": np.where(inside, reviews.category_of[beside[source]], 0),
                "history_length": length,
                "target_item": target,
                "target_category": reviews.category_of[target],
                "label": label,
            }
    return 2 * len(training)


def _negatives(reviews: Reviews, user: Ids, rng: np.random.Generator) -> Ids:
    """For every review an item that its user never reviewed (any item for a user who reviewed
    all)."""
    count = len(reviews.category_of)
    reviewed = np.unique(user * count + reviews.items)
    everything = np.bincount(reviewed // count, minlength=len(reviews.first) - 1) >= count
    drawn = rng.integers(0, count, len(user))
    again = np.arange(len(user))
    while again.size:
        keys = user[again] * count + drawn[again]
        place = np.minimum(np.searchsorted(reviewed, keys), len(reviewed) - 1)
        again = again[(reviewed[place] == keys) & ~everything[user[again]]]
        drawn[again] = rng.integers(0, count, len(again))
    return drawn
