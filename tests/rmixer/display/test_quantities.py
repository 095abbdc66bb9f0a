"""Quantities in words: enough figures, the unit always there."""

from __future__ import annotations

import pytest

from rmixer.display.quantities import (
    count,
    milliseconds,
    percent,
    seconds,
    signed_percent,
    size,
    with_range,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (seconds(0.417), "0.42 s"),
        (seconds(18.64), "18.6 s"),
        (seconds(725.0), "12:05 min"),
        (seconds(10931.0), "3:02:11 h"),
        (seconds(None), "–"),
        (milliseconds(0.0841), "0.084 ms"),
        (milliseconds(4.312), "4.31 ms"),
        (milliseconds(52.34), "52.3 ms"),
        (milliseconds(127.2), "127 ms"),
        (milliseconds(None), "–"),
        (size(512), "512 B"),
        (size(64.2 * 2**20), "64.2 MiB"),
        (size(1.5 * 2**30), "1.50 GiB"),
        (size(3 * 2**40), "3.00 TiB"),
        (size(None), "–"),
        (count(12, "FLOP"), "12 FLOP"),
        (count(1.2e9, "FLOP"), "1.20 GFLOP"),
        (count(3.4e13, "FLOP"), "34.0 TFLOP"),
        (percent(0.0417), "4.2%"),
        (percent(None), "–"),
        (signed_percent(0.0417), "+4.2%"),
        (signed_percent(-0.031), "−3.1%"),
    ],
)
def test_in_words(text: str, expected: str) -> None:
    assert text == expected


@pytest.mark.parametrize(
    ("range_s", "text"),
    [
        (None, "91.8 s"),
        ((88.1, 95.9), "91.8 s (90%: 88.1 to 95.9 s)"),
        ((9.5, 95.9), "91.8 s (90%: 9.50 s to 95.9 s)"),
        ((88.1, 725.0), "91.8 s (90%: 88.1 s to 12:05 min)"),
    ],
)
def test_a_time_and_its_range(range_s: tuple[float, float] | None, text: str) -> None:
    assert with_range(91.8, range_s) == text
