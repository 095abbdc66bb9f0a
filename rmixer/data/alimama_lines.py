"""The lines of the four files of Alibaba's display advertisements, as columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmixer.data.dataset import Lines, Parsed

IDS = (1_141_730, 846_812, 12_978, 461_529, 423_437, 255_876)
"""Rows for user, ad, category, brand, campaign, customer: the largest number in the public files,
and 0 for missing, unknown or larger ones."""

LEVELS = (97, 13, 3, 7, 4, 4, 3, 5)
"""Rows for the fields of a profile, a missing one being 0 (for cms_segid, cms_group_id, age_level
and occupation that is a value as well)."""

PLACES = (b"430539_1007", b"430548_1007")
"""The place of an ad (pid): numbers 0 and 1."""

KINDS = (b"pv", b"cart", b"fav", b"buy")
"""The kind of a behaviour (btag): numbers 1 to 4."""

_ID = r"[0-9]{1,9}"
_MAYBE = rf"(?:{_ID}|NULL|)"
_WITH_ZERO = ("cms_segid", "cms_group_id", "age_level", "occupation")
_TIME = r"-?[0-9]{1,18}"


def known(ids: NDArray[np.float64], rows: int) -> NDArray[np.int32]:
    """``ids``, with 0 for ids beyond a table of ``rows`` rows."""
    return np.where(ids < rows, ids, 0).astype(np.int32)


@dataclass(frozen=True)
class LineForm:
    """The form of a line: comma-separated ``fields`` by name, each a regular expression.
    ``numbers`` maps texts that are not numbers to numbers."""

    fields: Mapping[str, str]
    numbers: Mapping[bytes, int]

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The names in the first line."""
        return tuple(self.fields)

    @cached_property
    def line(self) -> re.Pattern[bytes]:
        """One whole line."""
        return re.compile(",".join(self.fields.values()).encode())

    @cached_property
    def lines(self) -> re.Pattern[bytes]:
        """Any number of lines, each with its end; several times as fast as one by one."""
        return re.compile(rb"(?:" + self.line.pattern + rb"\n)*+")

    def read(self, lines: Lines) -> tuple[NDArray[np.float64], tuple[tuple[int, str], ...]]:
        """The numbers of the good lines, shape [n, fields], and the errors of the others. Empty
        fields and ``NULL`` are 0."""
        text = _joined(lines)
        malformed: tuple[tuple[int, str], ...] = ()
        if not self.lines.fullmatch(text):
            malformed = tuple(
                (place, self._fault(line))
                for place, line in enumerate(lines)
                if not self.line.fullmatch(line)
            )
            bad = {place for place, _ in malformed}
            text = _joined([line for place, line in enumerate(lines) if place not in bad])
        for word, number in self.numbers.items():
            text = text.replace(word, b"%d" % number)
        text = text.replace(b"NULL", b"0").replace(b",\n", b",0\n").replace(b"\n", b",")
        while b",," in text:
            text = text.replace(b",,", b",0,")
        values = np.fromstring(text, dtype=np.float64, sep=",")
        return values.reshape(-1, len(self.fields)), malformed

    def missing(self, values: NDArray[np.float64]) -> dict[str, int]:
        """By field the number of missing ``values`` of :meth:`read`, for fields in which 0 is no
        value."""
        zeros = (values == 0).sum(axis=0)
        named = zip(self.fields, self.fields.values(), zeros, strict=True)
        return {n: int(zero) for n, form, zero in named if form == _MAYBE and n not in _WITH_ZERO}

    def _fault(self, line: bytes) -> str:
        fields = line.count(b",") + 1
        if fields != len(self.fields):
            return f"{fields} fields instead of {len(self.fields)}"
        wrong = (
            f"{name} is {value[:40].decode('latin-1')!r}"
            for (name, form), value in zip(self.fields.items(), line.split(b","), strict=True)
            if not re.fullmatch(form.encode(), value)
        )
        return next(wrong)


IMPRESSIONS = LineForm(
    {
        "user": _ID,
        "time_stamp": _TIME,
        "adgroup_id": _ID,
        "pid": b"|".join(PLACES).decode().join(("(?:", ")")),
        "nonclk": "[01]",
        "clk": "[01]",
    },
    {place: number for number, place in enumerate(PLACES)},
)
ADS = LineForm(
    {
        "adgroup_id": _ID,
        "cate_id": _MAYBE,
        "campaign_id": _MAYBE,
        "customer": _MAYBE,
        "brand": _MAYBE,
        "price": r"(?:[0-9]{1,12}(?:\.[0-9]{0,9})?(?:[eE][+-]?[0-9]{1,2})?|NULL|)",
    },
    {},
)
PROFILES = LineForm(
    {
        "userid": _ID,
        "cms_segid": _MAYBE,
        "cms_group_id": _MAYBE,
        "final_gender_code": _MAYBE,
        "age_level": _MAYBE,
        "pvalue_level": _MAYBE,
        "shopping_level": _MAYBE,
        "occupation": _MAYBE,
        "new_user_class_level": _MAYBE,
    },
    {},
)
BEHAVIOURS = LineForm(
    {
        "user": _ID,
        "time_stamp": _TIME,
        "btag": b"|".join(KINDS).decode().join(("(?:", ")")),
        "cate": _MAYBE,
        "brand": _MAYBE,
    },
    {kind: number for number, kind in enumerate(KINDS, 1)},
)


def parse_impressions(lines: Lines) -> Parsed:
    """``user`` as in the file, ``time`` in seconds, ``ad``, ``place`` and ``label``."""
    values, malformed = IMPRESSIONS.read(lines)
    user, time, ad, place, _, clicked = values.T
    columns: dict[str, NDArray[Any]] = {
        "user": user.astype(np.int32),
        "time": _seconds(time),
        "ad": known(ad, IDS[1]),
        "place": place.astype(np.uint8),
        "label": clicked.astype(np.uint8),
    }
    return Parsed(columns, malformed)


def parse_ads(lines: Lines) -> Parsed:
    """``ad``, ``of_ad`` (category, brand, campaign, customer) and ``price``, ln(1 + price)."""
    values, malformed = ADS.read(lines)
    ad, category, campaign, customer, brand, price = values.T
    of_ad = (category, brand, campaign, customer)
    ids = [known(column, rows) for column, rows in zip(of_ad, IDS[2:], strict=True)]
    columns: dict[str, NDArray[Any]] = {
        "ad": ad.astype(np.int32),
        "of_ad": np.stack(ids, axis=1),
        "price": np.log1p(price).astype(np.float32),
    }
    return Parsed(columns, malformed, ADS.missing(values))


def parse_profiles(lines: Lines) -> Parsed:
    """``user`` and the ``levels``, shape [n, 8]."""
    values, malformed = PROFILES.read(lines)
    levels = np.where(values[:, 1:] < LEVELS, values[:, 1:], 0)
    user = values[:, 0].astype(np.int32)
    columns: dict[str, NDArray[Any]] = {"user": user, "levels": levels.astype(np.uint8)}
    return Parsed(columns, malformed, PROFILES.missing(values))


def parse_behaviours(lines: Lines) -> Parsed:
    """``user`` as in the file, ``time`` in seconds, ``kind``, ``category``, ``brand``."""
    values, malformed = BEHAVIOURS.read(lines)
    user, time, kind, category, brand = values.T
    columns: dict[str, NDArray[Any]] = {
        "user": user.astype(np.int32),
        "time": _seconds(time),
        "kind": kind.astype(np.uint8),
        "category": known(category, IDS[2]).astype(np.int16),
        "brand": known(brand, IDS[3]),
    }
    return Parsed(columns, malformed, BEHAVIOURS.missing(values))


def _joined(lines: Lines) -> bytes:
    return b"\n".join([*lines, b""])


def _seconds(time: NDArray[np.float64]) -> NDArray[np.int32]:
    """Seconds; times beyond 32 bits, which no clock showed, are clipped."""
    limits = np.iinfo(np.int32)
    return np.clip(time, limits.min, limits.max).astype(np.int32)
