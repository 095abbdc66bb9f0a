"""The reader of Avazu's file on small files of its format, and the twin."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rmixer.data.avazu import CARDINALITIES, KNOWN_ROWS
from rmixer.data.making import Making
from rmixer.data.preparation import read_preparation
from rmixer.data.prepare import open_dataset, prepare
from rmixer.errors import InputError

HEADER = (
    "id,click,hour,C1,banner_pos,site_id,site_domain,site_category,app_id,app_domain,app_category,"
    "device_id,device_ip,device_model,device_type,device_conn_type,C14,C15,C16,C17,C18,C19,C20,C21"
)
FIELDS = list(CARDINALITIES)
ROW = {
    **{"id": "1000009418151094273", "click": "0", "hour": "14102100", "C1": "1005"},
    **{"banner_pos": "0", "site_id": "1fbe01fe", "site_domain": "f3845767"},
    **{"site_category": "28905ebd", "app_id": "ecad2386", "app_domain": "7801e8d9"},
    **{"app_category": "07d7df22", "device_id": "a99f214a", "device_ip": "ddd2926e"},
    **{"device_model": "44956a24", "device_type": "1", "device_conn_type": "2", "C14": "15706"},
    **{"C15": "320", "C16": "50", "C17": "1722", "C18": "0", "C19": "35", "C20": "-1", "C21": "79"},
}


def row(**cells: str) -> str:
    return ",".join({**ROW, **cells}[name] for name in HEADER.split(","))


def write(folder: Path, *rows: str, end: str = "\n", start: str = HEADER) -> Path:
    path = folder / "train.csv"
    path.write_bytes((end.join([start, *rows]) + end).encode())
    return path


def column(ids: np.ndarray, name: str) -> list[int]:
    values: list[int] = ids[:, FIELDS.index(name)].tolist()
    return values


def test_the_fields() -> None:
    assert len(FIELDS) == 22
    assert sum(CARDINALITIES.values()) == 9_449_445
    assert FIELDS[13:16] == ["app_id", "app_domain", "app_category"], "after 13 of the user"


def test_a_header_within_an_archive(tmp_path: Path) -> None:
    path = write(tmp_path, *(row(C20=str(place)) for place in range(30)), start=f"\ufeff{HEADER}")
    packed = tmp_path / "train.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(path, "folder/train.csv")
    found = [open_dataset("avazu", str(each)).values["ids"] for each in (path, packed)]
    assert found[0].shape == (30, 22)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_real_file(tmp_path: Path, end: str, mark: str) -> None:
    rows = [
        row(click="1", C20="100084"),
        row(site_id="85F751FD", hour="14102101"),
        row(site_id="85f751fd", C20="-1", hour="14102223"),
        row(C20="100084", hour="14102300", device_ip="ddd2926f"),
    ]
    write(tmp_path, *rows, end=end, start=mark + HEADER)
    arrays = open_dataset("avazu", str(tmp_path))
    ids = arrays.values["ids"]
    assert ids.shape == (4, 22)
    assert arrays.values["label"].tolist() == [1, 0, 0, 0]
    assert arrays.train_rows == 3, "the last day is held out"
    assert column(ids, "site_id") == [0, 1, 1, 0], "numbered as they appear"
    assert column(ids, "C20") == [0, 1, 1, 0]
    assert column(ids, "hour") == [0, 1, 47, 48], "since the first hour of the ten days"
    assert column(ids, "device_ip")[0] != column(ids, "device_ip")[3]
    assert max(column(ids, "device_ip")) > 100, "hashed"


def test_one_day_holds_out_its_last_tenth(tmp_path: Path) -> None:
    write(tmp_path, *[row()] * 40)
    arrays = open_dataset("avazu", str(tmp_path))
    assert (arrays.train_rows, arrays.rows) == (36, 40)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (row(click="2"), "click is '2', not 0 or 1"),
        (row(site_id="1fbe01f"), "site_id is '1fbe01f', not 8 hexadecimal digits"),
        (row(site_id="1fbe01fg"), "site_id is '1fbe01fg'"),
        (row(C17=""), "C17 is '', not an integer"),
        (row(C17="17.5"), "C17 is '17.5'"),
        (row(app_id="ecad238é"), "app_id is 'ecad238"),
        (row(id=""), "id is '', not the number of a row"),
        (row(hour="14102024"), "hour 14102024"),
        (row(hour="14103100"), "hour 14103100"),
        (row(hour="14102124"), "hour 14102124"),
        (row().rpartition(",")[0], "23 fields instead of 24"),
        ("", "1 fields instead of 24"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, bad: str, why: str) -> None:
    path = write(tmp_path, row(), bad, row())
    with pytest.raises(InputError, match=why) as caught:
        prepare("avazu", str(path))
    assert (caught.value.where, caught.value.key) == (str(path), "line 3")


def test_numbers_of_many_digits(tmp_path: Path) -> None:
    write(tmp_path, row(C14="1234567890123"), row(C14="1234567890124"), row(C14="1234567890123"))
    ids = open_dataset("avazu", str(tmp_path)).values["ids"]
    assert column(ids, "C14") == [0, 1, 0]


def test_another_header_is_refused(tmp_path: Path) -> None:
    """Such as that of test.csv, which has no clicks."""
    write(tmp_path, row(), start=HEADER.replace("click,", ""))
    with pytest.raises(InputError, match=r"line 1: found 'id,hour,.*the header id,click"):
        prepare("avazu", str(tmp_path))


def test_no_sample_after_the_header_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(InputError, match="line 2: found nothing; allowed: samples"):
        prepare("avazu", str(tmp_path))


def test_rows_out_of_order_are_refused(tmp_path: Path) -> None:
    write(tmp_path, row(hour="14102200"), row(hour="14102123"))
    with pytest.raises(InputError, match=r"a row of day 141021 after one of a later day"):
        prepare("avazu", str(tmp_path))


def test_in_blocks_and_compressed(tmp_path: Path) -> None:
    rows = [
        row(hour=f"1410{21 + at // 100:02}{at % 24:02}", site_id=f"{at * at % 300:08x}")
        for at in range(300)
    ]
    plain = write(tmp_path, *rows)
    whole = np.load(prepare("avazu", str(plain)) / "ids.npy")
    packed = tmp_path / "train.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        (tmp_path / "train.csv").touch()
        folder = prepare("avazu", str(path), Making(workers=2, block_bytes=4000))
        np.testing.assert_array_equal(np.load(folder / "ids.npy"), whole)
    report = read_preparation(folder)
    assert report.lines == 300, "without the header"
    counts = {count.name: count for count in report.counts}
    assert (counts["rows"].found, counts["rows"].known) == (300, KNOWN_ROWS)
    assert counts["hour values"].found == 3 * 24


def test_the_twin_looks_like_the_real_data() -> None:
    arrays = open_dataset("avazu", "synthetic")
    ids = arrays.values["ids"]
    assert abs(arrays.values["label"].mean() - 0.17) < 0.005
    assert arrays.rows - arrays.train_rows == arrays.rows // 10
    for field, rows in enumerate(CARDINALITIES.values()):
        assert ids[:, field].max() < rows
    hours = column(ids, "hour")
    assert hours == sorted(hours)
    assert (hours[0], hours[-1], hours[arrays.train_rows]) == (0, 239, 216)
