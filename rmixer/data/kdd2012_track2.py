"""KDD Cup 2012 Track 2: 149,639,105 lines of impressions of search advertisements at soso.com.

The raw ``training.txt`` has no header and twelve tab-separated integers on a line: Click,
Impression, DisplayURL, AdID, AdvertiserID, Depth, Position, QueryID, KeywordID, TitleID,
DescriptionID, UserID.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmixer.data.arrays import Chunks, Column
from rmixer.data.click_sessions import Impressions, Sessions, shuffled
from rmixer.data.dataset import DataSet, Lines, Parsed, RawReader
from rmixer.data.hashing import mix64, unit_effects
from rmixer.data.numbering import InOrder
from rmixer.data.raw_lines import first_file
from rmixer.data.text_table import TextTable
from rmixer.data.zipf import zipf_ranks
from rmixer.errors import InputError

USERS = 455_565
ADS = 455_565
ADVERTISERS = 14_616
POSITIONS = 3
HISTORY_MAX = 10
KNOWN_ROWS = 149_639_105
KNOWN_USERS = 22_023_547
KNOWN_ADS = 641_707

COLUMNS = {
    "user": Column("int32", "int64", 0, USERS),
    "ad": Column("int32", "int64", 0, ADS),
    "advertiser": Column("int16", "int64", 0, ADVERTISERS),
    "position": Column("uint8", "int64", 0, POSITIONS),
    "history_ads": Column("int32", "int64", POSITIONS * HISTORY_MAX, ADS),
    "history_advertisers": Column("int16", "int64", POSITIONS * HISTORY_MAX, ADVERTISERS),
    "history_length": Column("uint8", "int64", POSITIONS),
    "label": Column("uint8", "float32"),
}

_FIELDS = 12
_USED = {"click": 0, "ad": 3, "advertiser": 4, "position": 6, "user": 11}


class Kdd2012Track2(DataSet):
    """A user, the ad and advertiser shown at a position, the user's earlier clicks at each
    position, and the click."""

    columns = COLUMNS

    def twin(self) -> Chunks:
        return _twin()

    def raw_files(self, data: Path) -> tuple[Path, ...]:
        """``data`` itself, or ``training.txt`` or ``training.txt.gz`` in it."""
        if data.is_dir():
            return (first_file(data, ("training.txt", "training.txt.gz")),)
        if data.is_file():
            return (data,)
        allowed = "training.txt or training.txt.gz, or its folder"
        raise InputError(data, "", "no such file", allowed)

    def read(self, raw: RawReader) -> Chunks:
        """A sample for each line whose user has clicked in the lines directly before it that are
        also this user's; never for user 0, who is unknown. A line counts once, whatever its
        Impression, and any Click above 0 is one.

        Ads and advertisers are numbered in order of appearance, users are hashed. Samples are
        shuffled by a fixed hash of their line's number, and a fifth of them is held out.
        """
        return (yield from shuffled(_samples(raw), COLUMNS, raw.scratch("shuffled")))


def parse_lines(lines: Lines) -> Parsed:
    """Lines of the raw file as columns. Only the fields that are used are checked: numbers of up to
    eight digits."""
    table = TextTable(lines, b"\t", _FIELDS)
    columns: dict[str, NDArray[Any]] = {}
    good = np.ones(len(table.places), dtype=bool)
    for name, field in _USED.items():
        cells = table.integers(slice(field, field + 1))
        good &= (cells.sure & ~cells.missing & (cells.values >= 0))[:, 0]
        columns[name] = cells.values[:, 0]
    good &= (columns["position"] >= 1) & (columns["position"] <= POSITIONS)
    columns = {name: values[good].astype(np.int32) for name, values in columns.items()}
    columns["click"] = columns["click"] > 0
    columns["position"] = (columns["position"] - 1).astype(np.uint8)
    malformed = np.setdiff1d(np.arange(len(lines)), table.places[good])
    return Parsed(columns, tuple((int(place), _fault(lines[place])) for place in malformed))


def _fault(line: bytes) -> str:
    fields = line.count(b"\t") + 1
    if fields != _FIELDS:
        return f"{fields} fields instead of {_FIELDS}"
    form = "Click, AdID, AdvertiserID and UserID of up to eight digits and a Position from 1 to 3"
    return f"{line[:120].decode('latin-1')!r}, not {form}"


def _samples(raw: RawReader) -> Iterator[dict[str, NDArray[Any]]]:
    ads, advertisers = InOrder(ADS), InOrder(ADVERTISERS)
    sessions = Sessions(POSITIONS, HISTORY_MAX)
    seen = np.zeros(10**8, dtype=bool)
    for columns in raw.blocks(raw.files[0], parse_lines):
        seen[columns["user"]] = True
        numbered = {"ad": ads.number(columns["ad"])}
        numbered["advertiser"] = advertisers.number(columns["advertiser"])
        yield _hashed(sessions, {**columns, **numbered})
    raw.count("rows", sessions.rows, KNOWN_ROWS)
    raw.count("users", int(seen[1:].sum()), KNOWN_USERS)
    raw.count("ads", len(ads), KNOWN_ADS)
    raw.count("advertisers", len(advertisers))


def _hashed(sessions: Sessions, block: Impressions) -> dict[str, NDArray[Any]]:
    samples = sessions.samples(block)
    hashed = mix64(samples["user"].astype(np.uint64)) % np.uint64(USERS)
    return {**samples, "user": hashed.astype(np.int32)}


_SEED = 20120601
_TWIN_USERS = 36_000
_TWIN_MOST_ROWS = 60
_TWIN_INTERESTS = 6
_TWIN_LOYALTY = 0.7
_TWIN_EXPONENT = 1.1
_TWIN_POSITION_SHARES = (0.55, 0.30, 0.15)
_TWIN_POSITION_EFFECTS = np.array([0.8, -0.3, -1.2])
_TWIN_BIAS = -3.2


def _twin() -> Chunks:
    """Synthetic impressions of 36,000 sessions over the real numbers of ads and advertisers,
    always the same, made into samples as the real ones are.

    A session has 1 + a log-normal number of rows (median 6, at most 60). Seven rows of ten show
    one of six ads that its user's searches lead to, the others any ad. Ads follow a Zipf law
    (exponent 1.1), and so do the numbers of ads of the advertisers. More than half of the
    impressions are at the first position. All of these are assumptions: the public file's
    distributions are not published.

    Planted truth: logit = -3.2 + (0.8, -0.3, -1.2)[position] + 0.8 effect(advertiser)
    + 0.4 effect(ad) + 0.7 effect(user) + 1.0 if this session clicked the advertiser before
    + 0.3 for each click at this position before, at most four.
    """
    rng = np.random.default_rng(_SEED)
    samples = _hashed(Sessions(POSITIONS, HISTORY_MAX), _twin_impressions(rng))
    row = samples.pop("row")
    order = rng.permutation(len(row))
    yield {name: values[order] for name, values in samples.items()}
    return len(order) - len(order) // 5


def _twin_impressions(rng: np.random.Generator) -> Impressions:
    """Sessions of users 1, 2, ... row by row: earlier clicks decide later ones."""
    users = _TWIN_USERS
    rows = 1 + np.floor(np.exp(1.8 + 1.0 * rng.standard_normal(users))).astype(np.int64)
    rows = np.sort(np.minimum(rows, _TWIN_MOST_ROWS))[::-1]
    advertiser_of = zipf_ranks(ADVERTISERS - 1, _TWIN_EXPONENT, rng, ADS).astype(np.int32)
    shape = (users, int(rows[0]))
    pool = zipf_ranks(ADS - 1, _TWIN_EXPONENT, rng, users * _TWIN_INTERESTS).reshape(users, -1)
    anywhere = zipf_ranks(ADS - 1, _TWIN_EXPONENT, rng, shape[0] * shape[1]).reshape(shape)
    searched = np.take_along_axis(pool, rng.integers(0, _TWIN_INTERESTS, shape), axis=1)
    ad = np.where(rng.random(shape) < _TWIN_LOYALTY, searched, anywhere)
    advertiser = advertiser_of[ad]
    position = rng.choice(POSITIONS, shape, p=_TWIN_POSITION_SHARES)
    user = np.arange(1, users + 1, dtype=np.uint64)
    logit = _TWIN_BIAS + _TWIN_POSITION_EFFECTS[position]
    logit += 0.8 * unit_effects(advertiser.astype(np.uint64), 1)
    logit += 0.4 * unit_effects(ad.astype(np.uint64), 2)
    logit += 0.7 * unit_effects(user, 3)[:, None]
    chance = rng.random(shape)
    clicked = np.zeros(shape, dtype=bool)
    clicks_at = np.zeros((users, POSITIONS))
    for at in range(shape[1]):
        live = slice(0, int(np.count_nonzero(rows > at)))
        place, number = position[live, at], np.arange(live.stop)
        known = clicked[live, :at] & (advertiser[live, :at] == advertiser[live, at, None])
        value = logit[live, at] + 1.0 * known.any(axis=1)
        value += 0.3 * np.minimum(clicks_at[number, place], 4.0)
        clicked[live, at] = chance[live, at] < 1.0 / (1.0 + np.exp(-value))
        clicks_at[number, place] += clicked[live, at]
    shown = np.arange(shape[1]) < rows[:, None]
    return {
        "user": np.repeat(user.astype(np.int32), rows),
        "ad": ad[shown].astype(np.int32),
        "advertiser": advertiser[shown],
        "position": position[shown],
        "click": clicked[shown],
    }
