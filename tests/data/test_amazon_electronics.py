"""The reader of the real Amazon review files on small ones, and the twin's statistics."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from rmixer.data.amazon_electronics import CATEGORIES, ITEMS
from rmixer.data.arrays import Arrays
from rmixer.data.prepare import open_dataset, prepare
from rmixer.errors import InputError

# asin -> leaf; sorted, the items are numbered 0 to 5, Audio 0, Cables 1, Lenses 2.
LEAVES = {
    "B000": "Cables",
    "B001": "Cables",
    "B002": "Lenses",
    "B003": "Audio",
    "B004": "Audio",
    "B005": "Lenses",
}


def review(user: str, asin: str, time: int) -> str:
    return json.dumps(
        {"reviewerID": user, "asin": asin, "helpful": [0, 1], "overall": 5.0}
        | {"reviewText": "It's “fine”\tfor me", "unixReviewTime": time, "reviewTime": "01 1, 2014"}
    )


REVIEWS = [
    review("anna", "B002", 30),
    review("ben", "B004", 5),
    review("anna", "B000", 10),
    review("anna", "B003", 20),
    review("ben", "B001", 9),
    review("anna", "B005", 40),
    review("carl", "B001", 1),
]


def meta(asin: str) -> str:
    """A line as in the real file: a Python literal, single quotes, not JSON."""
    leaf = LEAVES.get(asin, "Toys")
    return repr({"asin": asin, "title": "it's", "categories": [["Electronics", leaf], ["Other"]]})


def write(folder: Path, reviews: list[str], metas: list[str], compress: bool = False) -> None:
    for name, lines in (("reviews_Electronics_5", reviews), ("meta_Electronics", metas)):
        data = ("\n".join(lines) + "\n").encode()
        if compress:
            (folder / f"{name}.json.gz").write_bytes(gzip.compress(data))
        else:
            (folder / f"{name}.json").write_bytes(data)


def samples(arrays: Arrays) -> list[tuple[bool, list[int], list[int], int, int, int]]:
    """(is training, history items, history categories, target, its category, label)."""
    v = arrays.values
    out = []
    for i in range(arrays.rows):
        n = int(v["history_length"][i])
        items, categories = v["history_items"][i], v["history_categories"][i]
        assert not items[n:].any(), "padded with 0"
        assert not categories[n:].any()
        target = (int(v["target_item"][i]), int(v["target_category"][i]), int(v["label"][i]))
        out.append((i < arrays.train_rows, items[:n].tolist(), categories[:n].tolist(), *target))
    return out


@pytest.mark.parametrize("compress", [False, True])
def test_samples_by_position(tmp_path: Path, compress: bool) -> None:
    write(tmp_path, REVIEWS, [meta(a) for a in [*LEAVES, "B999"]], compress)
    found = samples(open_dataset("amazon_electronics", str(tmp_path)))
    # anna in order of time: items 0, 3, 2, 5 (categories 1, 0, 2, 2); ben: 4, 1; carl: only 1.
    # Training: anna's positions 1 and 2; held out: anna's 3, ben's 1; nothing of carl.
    positives = sorted(s for s in found if s[5] == 1)
    assert positives == [
        (False, [0, 3, 2], [1, 0, 2], 5, 2, 1),
        (False, [4], [0], 1, 1, 1),
        (True, [0], [1], 3, 0, 1),
        (True, [0, 3], [1, 0], 2, 2, 1),
    ]
    negatives = [s for s in found if s[5] == 0]
    assert sorted((s[0], s[1]) for s in negatives) == [(s[0], s[1]) for s in positives]
    for _, history, _, target, category, _ in negatives:
        reviewed = {0, 3, 2, 5} if history[0] == 0 else {4, 1}
        assert target not in reviewed
        assert category == [1, 1, 2, 0, 0, 2][target]


def test_the_newest_hundred_are_kept(tmp_path: Path) -> None:
    asins = [f"C{i:03d}" for i in range(105)]
    rows = [review("dora", asin, i) for i, asin in enumerate(asins)] + [review("ed", "X", 1)]
    metas = [repr({"asin": a, "categories": [["All"]]}) for a in [*asins, "X"]]
    write(tmp_path, rows, metas)
    (last,) = [
        s for s in samples(open_dataset("amazon_electronics", str(tmp_path))) if not s[0] and s[5]
    ]
    assert last[1] == list(range(4, 104))
    assert last[3] == 104


@pytest.mark.parametrize(
    ("reviews", "metas", "file", "key"),
    [
        ([REVIEWS[0], REVIEWS[0][:-9]], list(LEAVES), "reviews_Electronics_5.json", "line 2"),
        ([REVIEWS[0], "[1]"], list(LEAVES), "reviews_Electronics_5.json", "line 2"),
        ([REVIEWS[0].replace("asin", "a")], [], "reviews_Electronics_5.json", "line 1: asin"),
        (REVIEWS, ["__import__('os')"], "meta_Electronics.json", "line 1"),
        (REVIEWS, list(LEAVES)[:-1], "meta_Electronics.json", ""),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, reviews: list[str], metas: list[str], file: str, key: str
) -> None:
    write(tmp_path, reviews, [meta(a) if a in LEAVES else a for a in metas])
    with pytest.raises(InputError) as caught:
        prepare("amazon_electronics", str(tmp_path))
    assert (caught.value.where, caught.value.key) == (str(tmp_path / file), key)


def test_both_files_are_needed(tmp_path: Path) -> None:
    (tmp_path / "reviews_Electronics_5.json").write_text(REVIEWS[0])
    with pytest.raises(InputError, match=r"meta_Electronics\.json"):
        prepare("amazon_electronics", str(tmp_path))


def test_the_twin_looks_like_the_real_data() -> None:
    arrays = open_dataset("amazon_electronics", "synthetic")
    v = arrays.values
    users = (arrays.rows - arrays.train_rows) // 2
    assert arrays.train_rows > 55_000
    # Each user has one held-out pair and n - 2 training pairs: the real mean of n is 8.78.
    assert abs(arrays.train_rows / 2 / users + 2 - 8.78) < 0.1
    held_out = v["history_length"][arrays.train_rows :]
    assert held_out.min() == 4, "five reviews at least"
    assert held_out.max() > 60, "a long tail"
    assert v["label"].mean() == 0.5
    negatives = v["target_item"][v["label"] == 0]
    assert len(np.unique(negatives)) > 0.35 * ITEMS, "uniform over all items"
    assert v["target_category"].max() < CATEGORIES
    assert len(np.unique(v["target_category"])) > 750
    positives = np.sort(np.bincount(v["target_item"][v["label"] == 1]))[::-1]
    share = positives[:630].sum() / positives.sum()
    assert share > 0.25, "the most popular hundredth of the items has far more than a hundredth"
    category_of = np.full(ITEMS, -1)
    category_of[v["target_item"]] = v["target_category"]
    inside = np.arange(v["history_items"].shape[1]) < v["history_length"][:, None]
    items, categories = v["history_items"][inside], v["history_categories"][inside]
    known = category_of[items] >= 0
    assert (category_of[items][known] == categories[known]).all(), "one category an item"
