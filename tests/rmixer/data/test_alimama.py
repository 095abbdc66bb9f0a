"""The reader of the four public files on small ones, and the twin's statistics."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmixer.data.alimama import COLUMNS, LAST_DAY_S
from rmixer.data.alimama_lines import parse_ads, parse_behaviours, parse_profiles
from rmixer.data.arrays import Arrays
from rmixer.data.prepare import open_dataset, prepare
from rmixer.errors import InputError

DAY_S = 86_400
LAST, BEFORE = LAST_DAY_S + 100, LAST_DAY_S - DAY_S

FILES = {
    "raw_sample.csv": [
        "user,time_stamp,adgroup_id,pid,nonclk,clk",
        f"581738,{BEFORE},1,430548_1007,1,0",
        f"449818,{BEFORE + 10},3,430539_1007,0,1",
        f"449818,{LAST},846811,430548_1007,1,0",
        f"7,{LAST},9,430548_1007,0,1",
    ],
    "ad_feature.csv": [
        "adgroup_id,cate_id,campaign_id,customer,brand,price",
        "1,6406,83237,1,95471,170.0",
        "3,7211,387991,6,NULL,99999999.0",
        "846811,12977,423436,255875,461528,0.25",
    ],
    "user_profile.csv": [
        "userid,cms_segid,cms_group_id,final_gender_code,age_level,pvalue_level,"
        "shopping_level,occupation,new_user_class_level ",
        "581738,96,12,2,6,,3,0,",
        "449818,0,5,1,3,2,1,1,4",
    ],
    "behavior_log.csv": [
        "user,time_stamp,btag,cate,brand",
        f"449818,{BEFORE + 9},pv,11,21",
        f"581738,{BEFORE},cart,99,99",
        f"449818,{BEFORE - 50},fav,12,22",
        f"449818,{BEFORE + 9},buy,13,23",
        f"449818,{BEFORE + 10},cart,14,24",
        f"5,{BEFORE},pv,1,1",
        "449818,-1,pv,15,25",
        f"449818,{BEFORE + 11},pv,12978,NULL",
    ],
}


def write(folder: Path, change: dict[str, list[str]] | None = None, end: str = "\n") -> None:
    for name, lines in (FILES | (change or {})).items():
        (folder / name).write_bytes((end.join(lines) + end).encode())


def samples(arrays: Arrays) -> dict[tuple[int, int], dict[str, Any]]:
    """By user and ad."""
    found = {}
    for at in range(arrays.rows):
        row = {name: values[at].tolist() for name, values in arrays.values.items()}
        length = row["history_length"]
        row["held_out"] = at >= arrays.train_rows
        parts = [row[f"history_{name}"] for name in ("kinds", "categories", "brands")]
        assert not any(any(part[length:]) for part in parts), "padded with 0"
        row["history"] = [tuple(part[slot] for part in parts) for slot in range(length)]
        found[row["ids"][0], row["ids"][1]] = row
    return found


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_four_files_joined(tmp_path: Path, end: str) -> None:
    write(tmp_path, end=end)
    log = tmp_path / "behavior_log.csv"
    (tmp_path / "behavior_log.csv.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    sample = tmp_path / "raw_sample.csv"
    sample.write_bytes(b"\xef\xbb\xbf" + sample.read_bytes())
    found = samples(open_dataset("alimama", str(tmp_path)))
    assert sorted(found) == [(7, 9), (449818, 3), (449818, 846811), (581738, 1)]

    first = found[581738, 1]
    assert first["ids"] == [581738, 1, 6406, 95471, 83237, 1], "category, brand, campaign, customer"
    assert first["levels"] == [96, 12, 2, 6, 0, 3, 0, 0, 1], "empty is 0; the second place is 1"
    assert first["price"] == pytest.approx(math.log(171), rel=1e-6)
    assert (first["label"], first["held_out"]) == (0, False)
    assert first["history"] == [], "a behaviour at the same second is not before it"

    second = found[449818, 3]
    assert second["ids"] == [449818, 3, 7211, 0, 387991, 6], "brand NULL is 0"
    assert second["levels"] == [0, 5, 1, 3, 2, 1, 1, 4, 0]
    assert second["price"] == pytest.approx(math.log(1e8), rel=1e-6)
    assert (second["label"], second["held_out"]) == (1, False)
    # Newest first; of two in one second the later in the log; an odd time is as old as can be.
    before = [(4, 13, 23), (1, 11, 21), (3, 12, 22), (1, 15, 25)]
    assert second["history"] == before

    third = found[449818, 846811]
    assert third["ids"] == [449818, 846811, 12977, 461528, 423436, 255875], "the largest numbers"
    assert third["held_out"]
    assert third["history"] == [(1, 0, 0), (2, 14, 24), *before], "beyond the tables is 0"

    unknown = found[7, 9]
    assert unknown["ids"] == [7, 9, 0, 0, 0, 0]
    assert unknown["levels"] == [0] * 8 + [1]
    assert (unknown["price"], unknown["label"], unknown["held_out"]) == (0.0, 1, True)


def test_the_newest_fifty_are_kept_and_any_order_gives_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    header, *_ = FILES["behavior_log.csv"]
    lines = [f"{user},{BEFORE - at},pv,{at + 1},{user}" for user in (3, 4) for at in range(60)]
    impressions = [
        FILES["raw_sample.csv"][0],
        *(
            f"{user},{BEFORE + late},1,430548_1007,1,0"
            for user in (3, 4)
            for late in (0, 2 * DAY_S)
        ),
    ]
    results: list[Arrays] = []
    for order in (lines, rng.permutation(lines).tolist()):
        folder = tmp_path / str(len(results))
        folder.mkdir()
        write(folder, {"behavior_log.csv": [header, *order], "raw_sample.csv": impressions})
        results.append(open_dataset("alimama", str(folder)))
    for name in COLUMNS:
        assert np.array_equal(results[0].values[name], results[1].values[name])
    one = results[0].values
    for user, seen in zip(one["ids"][:, 0], one["history_categories"], strict=True):
        late = seen[0] == 1
        assert seen.tolist() == list(range(1, 51) if late else range(2, 52))
        assert user in (3, 4)
    assert set(one["history_brands"][:, 0].tolist()) == {3, 4}, "nobody has another's behaviours"
    assert (one["history_length"] == 50).all()
    assert results[0].train_rows == 2


def test_samples_are_shuffled_not_sorted(tmp_path: Path) -> None:
    impressions = [
        f"1,{LAST if ad % 4 == 0 else BEFORE},{ad},430548_1007,1,0" for ad in range(1, 401)
    ]
    write(tmp_path, {"raw_sample.csv": [FILES["raw_sample.csv"][0], *impressions]})
    arrays = open_dataset("alimama", str(tmp_path))
    ads = arrays.values["ids"][:, 1]
    assert arrays.train_rows == 300
    assert (ads[300:] % 4 == 0).all()
    assert sorted(ads.tolist()) == list(range(1, 401))
    assert abs(np.corrcoef(np.arange(300), ads[:300])[0, 1]) < 0.2


@pytest.mark.parametrize(
    ("file", "line", "bad", "why"),
    [
        ("raw_sample.csv", 2, f"1,{BEFORE},1,430548_1007,1", "5 fields instead of 6"),
        ("raw_sample.csv", 3, f"1,{BEFORE},1,430548_1008,1,0", "pid is '430548_1008'"),
        ("ad_feature.csv", 2, "x,6406,83237,1,95471,170.0", "adgroup_id is 'x'"),
        ("ad_feature.csv", 4, "2,6406,83237,1,95471,1e", "price is '1e'"),
        ("user_profile.csv", 3, "é,1,2,2,6,,3,0,", "userid is"),
        ("behavior_log.csv", 5, f"1,{BEFORE},click,1,1", "btag is 'click'"),
        ("behavior_log.csv", 9, "", "1 fields instead of 5"),
    ],
)
def test_a_malformed_line_is_named(
    tmp_path: Path, file: str, line: int, bad: str, why: str
) -> None:
    lines = list(FILES[file])
    lines.insert(line - 1, bad)
    write(tmp_path, {file: lines})
    with pytest.raises(InputError) as caught:
        prepare("alimama", str(tmp_path))
    assert caught.value.where == str(tmp_path / file)
    assert f"line {line}" in str(caught.value)
    assert why in str(caught.value)


def test_good_lines_beside_a_malformed_one_are_read() -> None:
    parsed = parse_behaviours([b"1,5,pv,2,3", b"1,5,pv,2", b"4,6,buy,,", b"7,8,1,9,10"])
    assert [place for place, _ in parsed.malformed] == [1, 3]
    assert {name: values.tolist() for name, values in parsed.columns.items()} == {
        "user": [1, 4],
        "time": [5, 6],
        "kind": [1, 4],
        "category": [2, 0],
        "brand": [3, 0],
    }
    assert len(parse_behaviours([b"?"]).columns["user"]) == 0


def test_prices_with_exponents() -> None:
    prices = parse_ads([b"3,1,1,1,5,1.0E8", b"4,1,1,1,5,2.5e-1"]).columns["price"].tolist()
    assert prices == pytest.approx([math.log(1 + 1e8), math.log(1.25)])


def test_empty_fields_next_to_each_other() -> None:
    assert parse_profiles([b"3,,,,,,,,"]).columns["levels"].tolist() == [[0] * 8]
    (features,) = parse_ads([b"3,,NULL,,5,"]).columns["of_ad"].tolist()
    assert features == [0, 5, 0, 0]


def test_headers_and_files_are_checked(tmp_path: Path) -> None:
    swapped = FILES["ad_feature.csv"][0].replace("brand,price", "price,brand")
    write(tmp_path, {"ad_feature.csv": [swapped, *FILES["ad_feature.csv"][1:]]})
    with pytest.raises(InputError, match="adgroup_id,cate_id,campaign_id,customer,brand,price"):
        prepare("alimama", str(tmp_path))
    (tmp_path / "user_profile.csv").unlink()
    with pytest.raises(InputError, match=r"user_profile\.csv"):
        prepare("alimama", str(tmp_path))


def test_a_truncated_gzip_file_is_an_input_error(tmp_path: Path) -> None:
    write(tmp_path)
    log = tmp_path / "behavior_log.csv"
    (tmp_path / "behavior_log.csv.gz").write_bytes(gzip.compress(log.read_bytes())[:-9])
    log.unlink()
    with pytest.raises(InputError, match="a whole gzip file"):
        prepare("alimama", str(tmp_path))


def test_the_twin_looks_like_the_real_data() -> None:
    arrays = open_dataset("alimama", "synthetic")
    v = arrays.values
    assert arrays.train_rows > 400 * 512, "four hundred configured batches, none seen twice"
    assert abs((arrays.rows - arrays.train_rows) / arrays.rows - 1 / 8) < 0.005, "one day of eight"
    assert abs(v["label"].mean() - 0.0514) < 0.002
    users = len(np.unique(v["ids"][:, 0]))
    assert abs(arrays.rows / users - 26_557_961 / 1_141_729) < 1.5, "impressions a user"
    assert (v["ids"].max(axis=0) > 0.99 * np.array(COLUMNS["ids"].id_rows)).all()
    assert v["levels"].max(axis=0).tolist() == [96, 12, 2, 6, 3, 3, 1, 4, 1]
    assert abs((v["levels"][:, :8] == 0).all(axis=1).mean() - 0.07) < 0.02, "without a profile"
    behaviours = v["history_kinds"][v["history_kinds"] > 0]
    shares = np.bincount(behaviours)[1:] / len(behaviours)
    assert np.abs(shares - [0.9525, 0.0220, 0.0129, 0.0126]).max() < 0.001
    inside = np.arange(50) < v["history_length"][:, None]
    assert (inside == (v["history_kinds"] > 0)).all()
    assert (v["history_length"] == 0).any()
    assert 0.5 < (v["history_length"] == 50).mean() < 0.95
    shown = np.bincount(v["ids"][:, 2])
    commonest = 1.0 / (np.arange(1, 12_978) ** -0.9).sum()
    assert abs(shown[1] / arrays.rows - commonest) < 0.02, "Zipf with exponent 0.9"
    assert (shown > 0).sum() > 8_000
    ads, first, place = np.unique(v["ids"][:, 1], return_index=True, return_inverse=True)
    assert (v["ids"][first, 1:][place] == v["ids"][:, 1:]).all(), "an ad has its features"
    assert len(ads) > 60_000
    assert abs((v["ids"][first, 3] == 0).mean() - 0.29) < 0.02, "without a brand"
