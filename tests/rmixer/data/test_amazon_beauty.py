"""The reader of beauty.txt on small files, its masked samples, and the twin's statistics."""

from __future__ import annotations

import gzip
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from rmixer.data.amazon_beauty import ITEMS, MASK, AmazonBeauty, parse_lines
from rmixer.data.arrays import Arrays
from rmixer.data.prepare import open_dataset
from rmixer.errors import InputError

# Lines of two users in turn, each in order of time; user 9 has too few items.
SEQUENCES = {1: [5, 6, 7, 8, 54_542], 4: [7, 9, 5], 9: [1, 2]}
LINES = ["1 5", "4 7", "1 6", "9 1", "4 9", "1 7", "1 8", "4 5", "9 2", "1 54542"]

Sample = tuple[list[int], dict[int, int]]


def samples_of(arrays: Arrays, held_out: bool) -> list[Sample]:
    """(what the model sees, the masked items by their place)."""
    v, found = arrays.values, []
    part = range(arrays.train_rows, arrays.rows) if held_out else range(arrays.train_rows)
    for i in part:
        length, count = int(v["length"][i]), int(v["masked_count"][i])
        places = v["masked_places"][i].tolist()
        masked = dict(zip(places[:count], v["masked_items"][i].tolist()[:count], strict=True))
        assert len(masked) == count, "every slot has a place of its own"
        assert not v["items"][i, length:].any()
        assert not v["masked_items"][i, count:].any()
        items = v["items"][i, :length].tolist()
        assert {at for at, item in enumerate(items) if item == MASK} == set(masked)
        found.append((items, masked))
    return found


def unmasked(sample: Sample) -> list[int]:
    return [sample[1].get(at, item) for at, item in enumerate(sample[0])]


@pytest.mark.parametrize("form", ["plain", "crlf", "gzip"])
def test_samples_by_hand(tmp_path: Path, form: str) -> None:
    data = ("\r\n" if form == "crlf" else "\n").join([*LINES, ""]).encode()
    name, data = ("beauty.txt.gz", gzip.compress(data)) if form == "gzip" else ("beauty.txt", data)
    (tmp_path / name).write_bytes(data)
    arrays = open_dataset("amazon_beauty", str(tmp_path))

    held_out = samples_of(arrays, held_out=True)
    assert held_out == [([5, 6, 7, 8, MASK], {4: 54_542}), ([7, 9, MASK], {2: 5})]
    candidates = arrays.values["candidates"][arrays.train_rows :].tolist()
    for user, others in zip((1, 4), candidates, strict=True):
        everything = {item for u in (1, 4) for item in SEQUENCES[u]}
        found = [item for item in others if item]
        assert sorted(found) == sorted(everything - set(SEQUENCES[user]))
        assert not any(others[len(found) :])

    by_user: dict[tuple[int, ...], list[Sample]] = defaultdict(list)
    for sample in samples_of(arrays, held_out=False):
        by_user[tuple(unmasked(sample))].append(sample)
    assert {items: len(copies) for items, copies in by_user.items()} == {
        (5, 6, 7, 8): 11,
        (7, 9): 11,
    }
    # Of four items 2.4 are masked, of two 1.2; and once the last alone.
    counts = [len(masked) for _, masked in by_user[5, 6, 7, 8]]
    assert sorted(counts) == [1] + [2] * 10
    assert [m for _, m in by_user[5, 6, 7, 8] if len(m) == 1] == [{3: 8}]
    assert {len(masked) for _, masked in by_user[7, 9]} == {1}


def test_the_newest_fifty_and_at_most_eight_masks(tmp_path: Path) -> None:
    lines = [f"1 {item}" for item in range(101, 161)] + ["2 1", "2 2", "2 3"]
    (tmp_path / "beauty.txt").write_text("\n".join(lines))
    arrays = open_dataset("amazon_beauty", str(tmp_path / "beauty.txt"))
    long = [s for s in samples_of(arrays, held_out=False) if len(s[0]) > 2]
    assert [unmasked(sample) for sample in long] == [list(range(110, 160))] * 11
    assert sorted(len(masked) for _, masked in long) == [1] + [8] * 10
    places = np.array([at for _, masked in long if len(masked) == 8 for at in masked])
    assert places.min() < 10
    assert places.max() > 40, "masks are anywhere"
    assert samples_of(arrays, held_out=True)[0] == ([*range(111, 160), MASK], {49: 160})


def test_malformed_lines_are_told_apart() -> None:
    lines = [b"3 4", b"3", b"3 4 5", b"0 4", b"4 0", b"-3 4", b"a 4", b"", b"7 8"]
    parsed = parse_lines(lines)
    assert [place for place, _ in parsed.malformed] == [1, 2, 3, 4, 5, 6, 7]
    assert "'0 4', not a user and an item" in parsed.malformed[2][1]
    assert parsed.columns["user"].tolist() == [3, 7]
    assert parsed.columns["item"].tolist() == [4, 8]


def test_an_item_beyond_the_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "beauty.txt").write_text("\n".join([*LINES, "4 54543"]))
    with pytest.raises(InputError, match=r"item 54543.*items 1 to 54542"):
        open_dataset("amazon_beauty", str(tmp_path))


def test_nothing_to_hold_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "beauty.txt").write_text("1 2\n1 3\n")
    with pytest.raises(InputError, match="0 samples for training and 0 held out"):
        open_dataset("amazon_beauty", str(tmp_path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"beauty\.txt"):
        AmazonBeauty().raw_files(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        AmazonBeauty().raw_files(tmp_path / "nothing")


def test_the_twin_looks_like_the_real_sequences() -> None:
    arrays = open_dataset("amazon_beauty", "synthetic")
    v, users = arrays.values, arrays.rows - arrays.train_rows
    assert arrays.train_rows == 11 * users
    held_out = slice(arrays.train_rows, None)
    length = v["length"][held_out]
    assert length.min() == 5
    assert length.max() == 50
    assert abs(length.mean() - 8.8) < 0.3
    target = v["masked_items"][held_out, 0].astype(int)
    assert 1 <= target.min() <= target.max() <= ITEMS
    candidates = v["candidates"][held_out].astype(int)
    assert candidates.min() > 0, "a hundred for everyone"
    ordered = np.sort(candidates, axis=1)
    assert (ordered[:, 1:] > ordered[:, :-1]).all(), "and all different"
    assert not (candidates == target[:, None]).any()
    counts = np.bincount(v["items"][held_out].ravel(), minlength=ITEMS + 4)[1:MASK]
    assert np.count_nonzero(counts) > 0.4 * ITEMS
    assert np.sort(counts)[::-1][: ITEMS // 100].sum() > 0.1 * counts.sum()
    # Popularity tells the held-out item from candidates as popular as it hardly ever.
    of_target, of_others = counts[target - 1], counts[candidates - 1]
    rank = 1 + (of_others > of_target[:, None]).sum(axis=1)
    rank = rank + 0.5 * (of_others == of_target[:, None]).sum(axis=1)
    assert (rank <= 10).mean() < 0.15
