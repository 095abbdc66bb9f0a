"""Ali Display Ad Click (Taobao; Tianchi data set 56): 26,557,961 impressions of advertisements
over eight days, with 723,268,134 behaviours of their users over 22 days.

Four comma-separated files with a header: ``raw_sample.csv`` (impressions), ``ad_feature.csv``,
``user_profile.csv``, ``behavior_log.csv``; each may be compressed by gzip.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmixer.data.alimama_join import HISTORY_MAX, join
from rmixer.data.alimama_lines import (
    ADS,
    BEHAVIOURS,
    IDS,
    IMPRESSIONS,
    KINDS,
    LEVELS,
    PLACES,
    PROFILES,
    LineForm,
    parse_ads,
    parse_behaviours,
    parse_impressions,
    parse_profiles,
)
from rmixer.data.alimama_twin import twin
from rmixer.data.arrays import Chunks, Column, shape_of
from rmixer.data.dataset import DataSet, ParsedColumns, RawReader
from rmixer.data.hashing import mix64
from rmixer.data.partitions import Partitions
from rmixer.data.raw_lines import first_file
from rmixer.errors import InputError

COLUMNS = {
    "ids": Column("int32", "int64", 6, IDS),
    "levels": Column("uint8", "int64", 9, (*LEVELS, len(PLACES))),
    "price": Column("float32", "float32"),
    "history_categories": Column("int16", "int64", HISTORY_MAX, IDS[2]),
    "history_brands": Column("int32", "int64", HISTORY_MAX, IDS[3]),
    "history_kinds": Column("uint8", "int64", HISTORY_MAX, len(KINDS) + 1),
    "history_length": Column("uint8", "int64"),
    "label": Column("uint8", "float32"),
}

KNOWN = {
    "impressions": 26_557_961,
    "users of impressions": 1_141_729,
    "ads": 846_811,
    "profiles": 1_061_768,
    "behaviours": 723_268_134,
    "users of behaviours": 1_136_340,
    "categories of behaviours": 12_968,
    "brands of behaviours": 460_561,
}
LAST_DAY_S = 1_494_604_800
"""2017-05-13 began in Beijing; impressions from then on are held out."""

_FORMS: dict[str, LineForm] = {
    "raw_sample.csv": IMPRESSIONS,
    "ad_feature.csv": ADS,
    "user_profile.csv": PROFILES,
    "behavior_log.csv": BEHAVIOURS,
}
_TRAINING_PARTS, _HELD_OUT_PARTS = 128, 24
_CHUNK = 20_000
_SAMPLE = np.dtype(
    [
        ("key", "u8", ()),
        *((name, column.stored, shape_of(column, 0)[1:]) for name, column in COLUMNS.items()),
    ]
)


class Alimama(DataSet):
    """An ad shown to a user, its features and the user's, the user's 50 newest behaviours
    strictly before it, the newest first, and the click."""

    columns = COLUMNS
    often_missing = frozenset(("pvalue_level",))

    def twin(self) -> Chunks:
        return twin()

    def raw_files(self, data: Path) -> tuple[Path, ...]:
        """The four files in the folder ``data``."""
        return tuple(first_file(data, (name, f"{name}.gz")) for name in _FORMS)

    def read(self, raw: RawReader) -> Chunks:
        """Numbers are those of the files; 0 is missing, unknown, or beyond the public files'. An ad
        or a user without a line of features has 0 for each. The price is ln(1 + price): the public
        one goes up to 10^8. Samples are in the order of a fixed hash of their line, with those of
        the last day at the end."""
        for path, form in zip(raw.files, _FORMS.values(), strict=True):
            _check_header(raw, path, form)
        of_ads, prices = _ads(raw)
        levels = _profiles(raw)
        joined = join(_impressions(raw), _behaviours(raw), raw.scratch("by-user"))
        rows = np.zeros(2, dtype=np.int64)
        parts = _TRAINING_PARTS + _HELD_OUT_PARTS
        with Partitions(raw.scratch("shuffled"), parts, _SAMPLE) as shuffled:
            for chunk in joined:
                user, ad = np.where(chunk["user"] < IDS[0], chunk["user"], 0), chunk["ad"]
                place = chunk["place"][:, None]
                key = mix64(chunk["row"].astype(np.uint64))
                held_out = chunk["time"] >= LAST_DAY_S
                sample = {
                    **chunk,
                    "key": key,
                    "ids": np.concatenate([user[:, None], ad[:, None], of_ads[ad]], axis=1),
                    "levels": np.concatenate([levels[user], place], axis=1),
                    "price": prices[ad],
                }
                part = np.where(
                    held_out,
                    _TRAINING_PARTS + key % np.uint64(_HELD_OUT_PARTS),
                    key % np.uint64(_TRAINING_PARTS),
                )
                shuffled.add(part.astype(np.int64), sample)
                rows += np.bincount(held_out, minlength=2)
        for number in range(parts):
            samples = shuffled.take(number)
            samples = samples[np.argsort(samples["key"])]
            for start in range(0, len(samples), _CHUNK):
                yield {name: samples[name][start : start + _CHUNK] for name in COLUMNS}
        return int(rows[0])


def _check_header(raw: RawReader, path: Path, form: LineForm) -> None:
    """Names in the first line; the public user_profile.csv has a blank behind its last one."""
    line = raw.header(path).decode("latin-1")
    if tuple(name.strip() for name in line.split(",")) != form.header:
        raise InputError(path, "line 1", repr(line[:120]), ",".join(form.header))


def _ads(raw: RawReader) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Category, brand, campaign and customer, and the price, of each ad."""
    of_ads = np.zeros((IDS[1], 4), dtype=np.int32)
    prices = np.zeros(IDS[1], dtype=np.float32)
    count = 0
    for block in raw.blocks(raw.files[1], parse_ads, header=True):
        count += len(block["ad"])
        fits = block["ad"] < IDS[1]
        of_ads[block["ad"][fits]] = block["of_ad"][fits]
        prices[block["ad"][fits]] = block["price"][fits]
    raw.count("ads", count, KNOWN["ads"])
    return of_ads, prices


def _profiles(raw: RawReader) -> NDArray[np.uint8]:
    """The levels of each user."""
    levels = np.zeros((IDS[0], len(LEVELS)), dtype=np.uint8)
    count = 0
    for block in raw.blocks(raw.files[2], parse_profiles, header=True):
        count += len(block["user"])
        fits = block["user"] < IDS[0]
        levels[block["user"][fits]] = block["levels"][fits]
    raw.count("profiles", count, KNOWN["profiles"])
    return levels


def _impressions(raw: RawReader) -> Iterator[ParsedColumns]:
    """Yields the impressions, each with its ``row``, its place among the good lines."""
    seen = {"users of impressions": ("user", np.zeros(IDS[0], dtype=bool))}
    rows = 0
    for block in raw.blocks(raw.files[0], parse_impressions, header=True):
        _see(seen, block)
        count = len(block["user"])
        yield {**block, "row": np.arange(rows, rows + count)}
        rows += count
    _report(raw, seen)
    raw.count("impressions", rows, KNOWN["impressions"])


def _behaviours(raw: RawReader) -> Iterator[ParsedColumns]:
    seen = {
        "users of behaviours": ("user", np.zeros(IDS[0], dtype=bool)),
        "categories of behaviours": ("category", np.zeros(IDS[2], dtype=bool)),
        "brands of behaviours": ("brand", np.zeros(IDS[3], dtype=bool)),
    }
    rows = 0
    for block in raw.blocks(raw.files[3], parse_behaviours, header=True):
        _see(seen, block)
        yield block
        rows += len(block["user"])
    _report(raw, seen)
    raw.count("behaviours", rows, KNOWN["behaviours"])


_Seen = dict[str, tuple[str, NDArray[np.bool_]]]


def _see(seen: _Seen, block: ParsedColumns) -> None:
    for column, found in seen.values():
        found[block[column][block[column] < len(found)]] = True


def _report(raw: RawReader, seen: _Seen) -> None:
    """Reports the number of different values of each column; 0 does not count."""
    for name, (_, found) in seen.items():
        raw.count(name, int(found[1:].sum()), KNOWN[name])
