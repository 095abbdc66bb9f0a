"""The reader of KDD Cup 2012's training.txt on small files, and the twin's statistics."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from rmixer.data.arrays import Arrays
from rmixer.data.hashing import mix64
from rmixer.data.kdd2012_track2 import ADS, COLUMNS, USERS, Kdd2012Track2, parse_lines
from rmixer.data.prepare import open_dataset
from rmixer.errors import InputError


def line(user: int, ad: int, advertiser: int, position: int, click: int = 0) -> str:
    """As in the real file: the URL is a hash of up to 20 digits, the rest are plain integers."""
    url = 14340390157469404125
    return f"{click}\t{2 + click}\t{url}\t{ad}\t{advertiser}\t3\t{position}\t7\t8\t9\t10\t{user}"


# A first user clicks ad 300 at position 1, twice ad 100 at 2, and sees 200 at 3; a stranger
# follows, then the first user comes back, without a history. Clicks are counted once.
SESSION = [
    line(77, 300, 31, 1, 1),
    line(77, 200, 30, 3),
    line(77, 100, 31, 2, 4),
    line(77, 100, 31, 2, 1),
    line(77, 300, 31, 1),
    line(0, 300, 31, 1, 1),
    line(0, 300, 31, 1),
    line(77, 300, 31, 1),
]
# Ads 300, 200, 100 are numbered 1, 2, 3 as they appear; advertisers 31, 30: 1, 2.
HASHED_USER = int(mix64(np.array([77], dtype=np.uint64))[0]) % USERS


def write(path: Path, lines: list[str], end: str = "\n") -> Path:
    path.write_text("".join(text + end for text in lines))
    return path


def filler(sessions: int) -> list[str]:
    """Sessions of one click and one further row, for both parts to have samples."""
    return [
        text
        for u in range(sessions)
        for text in (line(5 + u % 2, 900, 40, 1, 1), line(5 + u % 2, 901, 40, 3))
    ]


def samples_of(arrays: Arrays, user: int) -> list[tuple[object, ...]]:
    """(ad, advertiser, position, label, histories as (ad, advertiser) for each position)."""
    v, found = arrays.values, []
    for i in np.flatnonzero(v["user"] == user):
        ads, advertisers = v["history_ads"][i], v["history_advertisers"][i]
        histories = []
        for k, n in enumerate(v["history_length"][i]):
            at = slice(10 * k, 10 * k + n)
            histories.append(list(zip(ads[at].tolist(), advertisers[at].tolist(), strict=True)))
            assert not ads[10 * k + n : 10 * k + 10].any()
            assert not advertisers[10 * k + n : 10 * k + 10].any()
        of_row = (int(v[name][i]) for name in ("ad", "advertiser", "position", "label"))
        found.append((*of_row, *histories))
    return sorted(found, key=lambda sample: (sum(map(len, sample[4:])), str(sample)))


@pytest.mark.parametrize("form", ["plain", "crlf", "gzip"])
def test_samples_by_hand(tmp_path: Path, form: str) -> None:
    path = write(
        tmp_path / "training.txt", SESSION + filler(40), "\r\n" if form == "crlf" else "\n"
    )
    if form == "gzip":
        (tmp_path / "training.txt.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    arrays = open_dataset("kdd2012_track2", str(tmp_path))
    a, b, c = (1, 1), (2, 2), (3, 1)
    assert samples_of(arrays, HASHED_USER) == [
        (*b, 2, 0, [a], [], []),
        (*c, 1, 1, [a], [], []),
        (*c, 1, 1, [a], [c], []),
        (*a, 0, 0, [a], [c, c], []),
    ]
    assert arrays.rows == 4 + 40, "nobody's rows and first clicks are no samples"


def test_the_newest_ten_of_each_position_are_kept(tmp_path: Path) -> None:
    clicks = [line(77, 1000 + i, 31, 1 + i % 2, 1) for i in range(24)]
    path = write(tmp_path / "log.txt", [*clicks, line(77, 5, 31, 3), *filler(40)])
    arrays = open_dataset("kdd2012_track2", str(path))
    last = [s for s in samples_of(arrays, HASHED_USER) if s[2] == 2]
    assert [ad for ad, _ in last[0][4]] == list(range(5, 25, 2))
    assert [ad for ad, _ in last[0][5]] == list(range(6, 26, 2))
    assert last[0][6] == []


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (SESSION[0] + "\t1", "13 fields instead of 12"),
        (SESSION[0].replace("\t3\t1\t", "\t3\t4\t", 1), "not Click, AdID"),
        (SESSION[0].replace("\t300\t", "\t\t"), "not Click, AdID"),
        (SESSION[0].replace("\t300\t", "\t-1\t"), "not Click, AdID"),
        (SESSION[0].replace("\t300\t", "\tä\t"), "not Click, AdID"),
        ("", "1 fields instead of 12"),
    ],
)
def test_malformed_lines_are_told_apart(bad: str, what: str) -> None:
    parsed = parse_lines([SESSION[0].encode(), bad.encode(), SESSION[1].encode()])
    ((place, fault),) = parsed.malformed
    assert place == 1
    assert what in fault
    assert parsed.columns["ad"].tolist() == [300, 200]
    assert parsed.columns["click"].tolist() == [True, False]
    assert parsed.columns["position"].tolist() == [0, 2]


def test_no_good_line_is_no_error_yet() -> None:
    assert len(parse_lines([b"x"]).columns["user"]) == 0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"training\.txt"):
        Kdd2012Track2().raw_files(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        Kdd2012Track2().raw_files(tmp_path / "nothing")


def test_the_twin_looks_like_a_log_of_searches() -> None:
    arrays = open_dataset("kdd2012_track2", "synthetic")
    v = arrays.values
    assert arrays.rows > 150_000
    assert set(v) == set(COLUMNS)
    assert 0.15 < v["label"].mean() < 0.3
    rates = [v["label"][v["position"] == k].mean() for k in range(3)]
    assert rates[0] > 2 * rates[1] > 3 * rates[2], "higher positions are clicked more"
    clicks = v["history_length"].sum(axis=1)
    assert clicks.min() == 1, "a sample has a click before it"
    assert v["history_length"].max() == 10
    counts = np.sort(np.bincount(v["ad"], minlength=ADS))[::-1]
    assert counts[:100].sum() > 0.3 * arrays.rows, "few ads have most of the impressions"
    assert np.count_nonzero(counts) > 20_000
    assert (v["ad"] > 0).all()
    inside = np.arange(10) < v["history_length"][:, :, None]
    assert ((v["history_ads"].reshape(-1, 3, 10) > 0) == inside).all()
    known = (v["history_advertisers"] == v["advertiser"][:, None]) & inside.reshape(-1, 30)
    again, other = (v["label"][at].mean() for at in (known.any(axis=1), ~known.any(axis=1)))
    assert again > 1.5 * other, "who clicked an advertiser clicks it again"
