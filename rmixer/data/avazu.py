"""Avazu Click-Through Rate Prediction (Kaggle 2014): ten days of 40,428,967 mobile ad impressions.

``train.csv`` has a header and 24 comma-separated fields, none of them empty. The row's ``id`` is
left out: it is different in every row.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmixer.data.arrays import Chunks, Column
from rmixer.data.dataset import DataSet, Lines, Parsed, ParsedColumns, RawReader
from rmixer.data.field_rows import (
    Dictionaries,
    Keys,
    appearing,
    has_dictionary,
    hashed_rows,
    rows_of,
    used_rows,
)
from rmixer.data.planted import PlantedTruth, scattered, zipf_fields
from rmixer.data.raw_lines import first_file
from rmixer.data.text_table import TextTable
from rmixer.errors import InputError

CARDINALITIES = {
    **{"C1": 7, "C14": 2626, "C15": 8, "C16": 9, "C17": 435, "C18": 4, "C19": 68, "C20": 172},
    **{"C21": 60, "device_id": 2_686_408, "device_ip": 6_729_486, "device_model": 8251},
    **{"device_type": 5, "app_id": 8552, "app_domain": 559, "app_category": 36, "banner_pos": 7},
    **{"site_id": 4737, "site_domain": 7745, "site_category": 26, "device_conn_type": 4},
    **{"hour": 240},
}
"""Distinct values in the real file, by field: of the user (13), the app (3), the context (6)."""

KNOWN_ROWS = 40_428_967
POSITIVE_RATE = 0.17
HOURS = 24
FIRST_DAY, DAYS = 141_021, 10

COLUMNS = {
    "ids": Column("int32", "int64", len(CARDINALITIES), tuple(CARDINALITIES.values())),
    "label": Column("uint8", "float32"),
}

_HEADER = (
    "id,click,hour,C1,banner_pos,site_id,site_domain,site_category,app_id,app_domain,app_category,"
    "device_id,device_ip,device_model,device_type,device_conn_type,C14,C15,C16,C17,C18,C19,C20,C21"
)
_NAMES = tuple(_HEADER.split(","))
_INTEGERS = (slice(2, 5), slice(14, 24))
_HASHES = slice(5, 14)
_INTEGER = (rb"-?[0-9]{1,18}", "an integer")
_FORMS = (
    (rb"[^,]+", "the number of a row"),
    (rb"[01]", "0 or 1"),
    (rb"[0-9]{8}", "YYMMDDHH"),
    *(_INTEGER,) * 2,
    *((rb"[0-9A-Fa-f]{8}", "8 hexadecimal digits"),) * 9,
    *(_INTEGER,) * 10,
)
_LINE = re.compile(b",".join(form for form, _ in _FORMS))
_ROWS = tuple(CARDINALITIES.values())
_HOUR = list(CARDINALITIES).index("hour")


class Avazu(DataSet):
    """22 fields, each with ids of its own, and the click."""

    columns = COLUMNS

    def raw_files(self, data: Path) -> tuple[Path, ...]:
        """``data`` itself, or ``train.csv``, ``train.csv.gz`` or Kaggle's ``train.gz`` in it."""
        if data.is_dir():
            return (first_file(data, ("train.csv", "train.csv.gz", "train.gz")),)
        if data.is_file():
            return (data,)
        allowed = "train.csv, train.csv.gz or train.gz, or its folder"
        raise InputError(data, "", "no such file", allowed)

    def read(self, raw: RawReader) -> Chunks:
        """Reads the raw file twice, first for the dictionaries of fields with at most 300,000
        values.

        Hours are numbered from the first of the ten days. The rows of the last day are held out; of
        a file with one day, its last tenth.
        """
        (path,) = raw.files
        header = raw.header(path).decode("utf-8", "replace")
        if header != _HEADER:
            raise InputError(path, "line 1", repr(header[:80]), f"the header {_HEADER}")
        dictionaries = Dictionaries(_ROWS)
        for appeared in raw.blocks(path, parse_values, header=True):
            dictionaries.add(appeared)
        saved = str(dictionaries.save(raw.scratch("dictionaries")))
        rows_of_days, used = np.zeros(DAYS, dtype=np.int64), used_rows(_ROWS)
        blocks = raw.blocks(path, partial(parse_samples, dictionaries=saved), header=True)
        for columns in blocks:
            rows_of_days += _rows_of_days(columns, path, rows_of_days)
            for field, table in used.items():
                table.add(columns["ids"][:, field])
            yield columns
        rows = int(rows_of_days.sum())
        if not rows:
            raise InputError(path, "line 2", "nothing", "samples after the header")
        raw.count("rows", rows, KNOWN_ROWS)
        dictionaries.report(raw, used, tuple(CARDINALITIES), _ROWS)
        held_out = int(rows_of_days[np.flatnonzero(rows_of_days)[-1]])
        return rows - (held_out if held_out < rows else max(1, rows // 10))

    def twin(self) -> Chunks:
        return _twin()


def _rows_of_days(
    columns: ParsedColumns, path: Path, before: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The rows of each day; raises an error if they do not come in order after those of
    ``before``."""
    days = np.asarray(columns["ids"][:, _HOUR]) // HOURS
    today = np.flatnonzero(before)[-1:]
    back = np.flatnonzero(np.diff(np.concatenate([today, days])) < 0)
    if back.size:
        late = days[back[0] + 1 - len(today)]
        found = f"a row of day {FIRST_DAY + int(late)} after one of a later day"
        raise InputError(path, "hour", found, "rows in order of time, as published")
    return np.bincount(days, minlength=DAYS)


def parse_values(lines: Lines) -> Parsed:
    """The values that the fields with a dictionary have in these lines."""
    keys, _, malformed = avazu_lines(lines)
    return Parsed(appearing(keys, _ROWS), malformed)


def parse_samples(lines: Lines, dictionaries: str) -> Parsed:
    """Lines of the raw file as columns."""
    keys, label, malformed = avazu_lines(lines)
    ids = rows_of(keys, _ROWS, dictionaries)
    ids[:, _HOUR] = keys[:, _HOUR]
    return Parsed({"ids": ids, "label": label}, malformed)


def avazu_lines(
    lines: Lines,
) -> tuple[Keys, NDArray[np.uint8], tuple[tuple[int, str], ...]]:
    """The values of the fields in our order, the hour counted from the first day's; the clicks;
    and the malformed lines."""
    table = TextTable(lines, b",", len(_NAMES))
    cells = [
        table.integers(_INTEGERS[0]),
        table.hexadecimals(_HASHES),
        table.integers(_INTEGERS[1]),
    ]
    raw_keys = np.concatenate([part.values for part in cells], axis=1)
    click = table.first_bytes(slice(1, 2))[:, 0] - ord("0")
    sure = (table.lengths[:, 0] > 0) & (table.lengths[:, 1] == 1) & (click <= 1)
    for part in cells:
        sure &= (part.sure & ~part.missing).all(axis=1)
    fits = np.zeros(len(lines), dtype=bool)
    fits[table.places] = True
    malformed = [(int(place), _fault(lines[place])) for place in np.flatnonzero(~fits)]
    for row in np.flatnonzero(~sure):
        place = int(table.places[row])
        if _LINE.fullmatch(lines[place]):  # with a number of more than eight digits
            texts = lines[place].split(b",")[2:]
            hashes = range(_HASHES.start - 2, _HASHES.stop - 2)
            raw_keys[row] = [int(text, 16 if at in hashes else 10) for at, text in enumerate(texts)]
            sure[row] = True
        else:
            malformed.append((place, _fault(lines[place])))
    hours = _hours(raw_keys[:, 0])
    for row in np.flatnonzero(sure & (hours < 0)):
        wrong = f"hour {raw_keys[row, 0]}, not one from 14102100 to 14103023"
        malformed.append((int(table.places[row]), wrong))
    sure &= hours >= 0
    raw_keys[:, 0] = hours
    order = [_NAMES.index(name) - 2 for name in CARDINALITIES]
    return raw_keys[sure][:, order], click[sure], tuple(sorted(malformed))


def _hours(stamps: NDArray[np.int64]) -> NDArray[np.int64]:
    """YYMMDDHH as hours from the first day's first; -1 outside of the ten days."""
    days, hours = stamps // 100 - FIRST_DAY, stamps % 100
    inside = (days >= 0) & (days < DAYS) & (hours < HOURS)
    return np.where(inside, HOURS * days + hours, -1)


def _fault(line: bytes) -> str:
    cells = line.split(b",")
    if len(cells) != len(_NAMES):
        return f"{len(cells)} fields instead of {len(_NAMES)}"
    for name, cell, (form, what) in zip(_NAMES, cells, _FORMS, strict=True):
        if not re.fullmatch(form, cell):
            return f"{name} is {cell[:40].decode('latin-1')!r}, not {what}"
    raise ValueError("a line that is well-formed")


_TWIN_SAMPLES = 200_000
_TWIN_EXPONENT = 1.1
_TWIN_DEVICE_ID_EXPONENT = 1.6
_TWIN_FIELD_WEIGHT = 0.35
_TWIN_PAIR_WEIGHT = 0.5
_TWIN_PAIRS = ((2, 18), (5, 14), (12, 18), (1, 17))


def _twin() -> Chunks:
    """Synthetic impressions of ten days at the real cardinalities, the same at every call.

    Each field but the hour draws a rank by a Zipf law. Its exponent is 1.1 (an assumption: the
    real ones are not published), for the device's id 1.6, since most devices of the real file
    share one value. In a dictionary the commonest values come first, so their rank is their row;
    ranks of the hashed fields pass the reader's hash. Hours are uniform and in order.

    Planted truth: logit = bias + Σ fields 0.35 effect(field, value) + Σ four pairs 0.5 effect(a)
    effect(b), with effects fixed by a hash, of mean 0 and variance 1; the bias makes 17% of the
    labels positive.
    """
    rng = np.random.default_rng(20141021)
    samples = _TWIN_SAMPLES
    exponents = [
        _TWIN_DEVICE_ID_EXPONENT if name == "device_id" else _TWIN_EXPONENT
        for name in CARDINALITIES
    ]
    ranks = zipf_fields(_ROWS, exponents, rng, samples)
    ranks[:, _HOUR] = 1 + np.arange(samples) * (HOURS * DAYS) // samples
    ids = ranks.astype(np.int32) - 1
    for field, rows in enumerate(_ROWS):
        if not has_dictionary(rows):
            ids[:, field] = hashed_rows(scattered(ranks[:, field]), field, rows)
    truth = PlantedTruth(samples)
    truth.add_fields(ranks, _TWIN_FIELD_WEIGHT)
    truth.add_pairs(ranks, _TWIN_PAIRS, _TWIN_PAIR_WEIGHT)
    yield {"ids": ids, "label": truth.labels(POSITIVE_RATE, rng)}
    return samples - samples // DAYS
