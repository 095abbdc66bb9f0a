"""The reader of the real Amazon review files on small ones, and the twin's statistics."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rmixer.data.amazon_electronics import CATEGORIES, ITEMS, USERS
from rmixer.data.arrays import Arrays
from rmixer.data.making import Making
from rmixer.data.malformed import Limits
from rmixer.data.preparation import read_preparation
from rmixer.data.prepare import open_dataset, prepare
from rmixer.errors import InputError

REVIEWS_FILE, META_FILE = "reviews_Electronics_5.json", "meta_Electronics.json"

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
    return repr({"asin": asin, "title": "it's", "categories": [["Other"], ["Electronics", leaf]]})


def write(folder: Path, reviews: list[str], metas: list[str], compress: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    for name, lines in (("reviews_Electronics_5", reviews), ("meta_Electronics", metas)):
        data = ("\n".join(lines) + "\n").encode()
        if compress:
            (folder / f"{name}.json.gz").write_bytes(gzip.compress(data))
        else:
            (folder / f"{name}.json").write_bytes(data)


def arrays_of(folder: Path) -> dict[str, NDArray[Any]]:
    arrays = open_dataset("amazon_electronics", str(folder))
    return {name: np.asarray(values) for name, values in arrays.values.items()}


def same(one: dict[str, NDArray[Any]], other: dict[str, NDArray[Any]]) -> bool:
    return all(np.array_equal(values, other[name]) for name, values in one.items())


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
    ("reviews", "metas", "file", "key", "found"),
    [
        ([REVIEWS[0], REVIEWS[0][:-9]], [], REVIEWS_FILE, "line 2", "is not a JSON object"),
        ([REVIEWS[0], "[1]"], [], REVIEWS_FILE, "line 2", "is not a JSON object"),
        ([REVIEWS[0].replace("asin", "a")], [], REVIEWS_FILE, "line 1", "asin is missing"),
        ([review("", "B000", 1)], [], REVIEWS_FILE, "line 1", "reviewerID is ''"),
        ([review("a" * 201, "B000", 1)], [], REVIEWS_FILE, "line 1", "at most 200 bytes"),
        ([review("a\0", "B000", 1)], [], REVIEWS_FILE, "line 1", "at most 200 bytes"),
        ([review("a", "B000", -1)], [], REVIEWS_FILE, "line 1", "unixReviewTime is -1"),
        ([review("a", "B000", 10**30)], [], REVIEWS_FILE, "line 1", "unixReviewTime is 1000"),
        (REVIEWS, ["__import__('os')"], META_FILE, "line 1", "is not a Python dict"),
        (REVIEWS, ["{'categories': [['All']]}"], META_FILE, "line 1", "asin is missing"),
        (REVIEWS, ["{'asin': 'B000', 'categories': [[]]}"], META_FILE, "line 1", "[[]]"),
        (REVIEWS, ["{'asin': 'B000', 'categories': 'All'}"], META_FILE, "line 1", "'All'"),
        (REVIEWS, [meta("B999")], META_FILE, "", "no item that was reviewed"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, reviews: list[str], metas: list[str], file: str, key: str, found: str
) -> None:
    write(tmp_path, reviews, metas)
    with pytest.raises(InputError) as caught:
        prepare("amazon_electronics", str(tmp_path))
    assert (caught.value.where, caught.value.key) == (str(tmp_path / file), key)
    assert found in str(caught.value)


def test_a_few_malformed_lines_are_counted(tmp_path: Path) -> None:
    metas = [meta(a) for a in LEAVES]
    reviews = [*REVIEWS[:2], REVIEWS[0][:-1], *REVIEWS[2:]]
    write(tmp_path, reviews, [*metas[:3], "{'asin'", *metas[3:]])
    folder = prepare("amazon_electronics", str(tmp_path), Making(Limits(share=0.2)))
    report = read_preparation(folder)
    assert (report.lines, report.malformed) == (8 + 7, 2)
    assert [(Path(m.file).name, m.line) for m in report.first_malformed] == [
        (REVIEWS_FILE, 3),
        (META_FILE, 4),
    ]
    assert {c.name: (c.found, c.known) for c in report.counts} == {
        "reviews": (7, 1_689_188),
        "users": (3, 192_403),
        "items": (6, ITEMS),
        "categories": (3, CATEGORIES),
        "items without a category": (0, 0),
    }
    write(tmp_path / "good", REVIEWS, metas)
    assert same(arrays_of(tmp_path), arrays_of(tmp_path / "good"))


def test_items_without_a_category_have_one_without_a_name(tmp_path: Path) -> None:
    """B001's line says nothing of it, B003 has no line: both are in category 0."""
    metas = [meta(a) for a in LEAVES if a not in ("B001", "B003")]
    write(tmp_path, REVIEWS, ["{'asin': 'B001', 'title': 'a \\d plug'}", *metas])
    folder = prepare("amazon_electronics", str(tmp_path))
    arrays = arrays_of(tmp_path)
    found = dict(zip(arrays["target_item"], arrays["target_category"], strict=True))
    expected = {0: 2, 1: 0, 2: 3, 3: 0, 4: 1, 5: 3}
    assert found == {item: expected[item] for item in found}
    assert {1, 3} <= set(found)
    assert read_preparation(folder).counts[-1].found == 2


def test_odd_bytes(tmp_path: Path) -> None:
    """CRLF, a byte-order mark and names beyond ASCII; of an item's two lines the last holds."""
    reviews = [r.replace("anna", "ånna").replace("B003", "ß003") for r in REVIEWS]
    metas = [meta("B000").replace("Cables", "Toys"), *(meta(a) for a in LEAVES)]
    metas = [m.replace("B003", "ß003").replace("Audio", "Ñudio") for m in metas]
    for name, lines in ((REVIEWS_FILE, reviews), (META_FILE, metas)):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    arrays = arrays_of(tmp_path)
    # Now ben is user 0, then carl, then ånna; items 0 to 4 are B000, B001, B002, B004, B005, then
    # ß003; categories Cables, Lenses, Ñudio.
    assert set(arrays["user"].tolist()) == {0, 2}
    last = [i for i in range(len(arrays["label"])) if arrays["history_length"][i] == 3]
    for i in last:
        assert arrays["user"][i] == 2
        assert arrays["history_items"][i, :3].tolist() == [0, 5, 2]
        assert arrays["history_categories"][i, :3].tolist() == [0, 2, 1]


def test_days_and_negatives_of_a_history(tmp_path: Path) -> None:
    """Whole days between reviews, at most 5000; the items beside a history are the same in all
    samples of a user, and none that the user reviewed."""
    asins = [f"C{i:03d}" for i in range(6)]
    seconds = [0, 86_399, 86_400, 10 * 86_400, 5000 * 86_400, 6000 * 86_400]
    rows = [review("dora", asin, at) for asin, at in zip(asins, seconds, strict=True)]
    rows += [review("ed", f"D{i}", 10**9) for i in range(4)]
    names = [*asins, *(f"D{i}" for i in range(4))]
    write(tmp_path, rows, [repr({"asin": a, "categories": [["All"]]}) for a in names])
    arrays = arrays_of(tmp_path)
    of_dora = [i for i in range(len(arrays["label"])) if arrays["user"][i] == 0]
    expected = {1: [0], 2: [1, 1], 3: [10, 10, 9], 4: [5000, 5000, 4999, 4990]}
    expected[5] = [5000, 5000, 5000, 5000, 1000]
    beside = arrays["negative_items"][of_dora[0], 0]
    for i in of_dora:
        n = int(arrays["history_length"][i])
        assert arrays["history_days"][i, :n].tolist() == expected[n]
        assert arrays["negative_items"][i, 0] == beside
        assert set(arrays["negative_items"][i, :n].tolist()) <= {6, 7, 8, 9}
        for name in ("history_days", "negative_items", "negative_categories"):
            assert not arrays[name][i, n:].any()
    assert {int(arrays["history_length"][i]) for i in of_dora} == {1, 2, 3, 4, 5}


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
    assert v["user"].min() < 200, "scattered over all users"
    assert v["user"].max() > USERS - 200
    assert len(np.unique(v["user"])) == users
    assert len(np.unique(v["negative_items"][inside])) > 0.35 * ITEMS
    newest = v["history_days"][np.arange(arrays.rows), v["history_length"] - 1]
    assert abs((newest == 0).mean() - 0.4) < 0.02
    assert (np.diff(v["history_days"].astype(int))[inside[:, 1:]] <= 0).all(), "oldest first"
    assert 50 < np.median(v["history_days"][inside]) < 500
    known = category_of[items] >= 0
    assert (category_of[items][known] == categories[known]).all(), "one category an item"


def of_2018(asin: str, leaf: str | None) -> str:
    """A line of the metadata of 2018: JSON, one list of names, empty for some."""
    names = [] if leaf is None else ["Electronics", "Other", leaf]
    return json.dumps({"category": names, "asin": asin, "price": None, "title": "it\u2019s \\ it"})


def test_metadata_of_2018_is_the_same_data(tmp_path: Path) -> None:
    """Under the name that its reviews have."""
    write(tmp_path / "old", REVIEWS, [meta(a) for a in LEAVES])
    write(tmp_path / "new", REVIEWS, [of_2018(a, leaf) for a, leaf in LEAVES.items()])
    (tmp_path / "new" / REVIEWS_FILE).rename(tmp_path / "new" / "Electronics_5.json")
    assert same(arrays_of(tmp_path / "old"), arrays_of(tmp_path / "new"))


@pytest.mark.parametrize("key", ["kategorie", "categories"])
def test_metadata_without_any_category_is_refused(tmp_path: Path, key: str) -> None:
    metas = [repr({"asin": a, key: [] if key == "categories" else ["x"]}) for a in LEAVES]
    write(tmp_path, REVIEWS, metas)
    with pytest.raises(InputError, match=r"category\): found missing in every line \(6 lines\)"):
        prepare("amazon_electronics", str(tmp_path))
    write(tmp_path, REVIEWS, [*metas, meta("C0")])
    with pytest.raises(InputError, match="no category of any item that was reviewed"):
        prepare("amazon_electronics", str(tmp_path))


def test_a_category_that_most_lines_are_without_is_told(tmp_path: Path) -> None:
    """15 of 21 lines; of the items that were reviewed all have one."""
    others = [of_2018(f"C{number}", None) for number in range(15)]
    write(tmp_path, REVIEWS, [*(meta(a) for a in LEAVES), *others])
    told: list[str] = []
    folder = prepare("amazon_electronics", str(tmp_path), Making(report=told.append))
    name = f"{META_FILE}: lines without categories (or category)"
    assert told == [f"warning: {name}: 71.4% of them"]
    counts = {count.name: count.found for count in read_preparation(folder).counts}
    assert (counts[name], counts["items without a category"]) == (15, 0)
