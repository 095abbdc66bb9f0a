"""What commands say at their end."""

from __future__ import annotations

import pytest

from rmixer.cli.presenting import saving_words


@pytest.mark.parametrize(
    ("best_s", "alone_s", "words"),
    [
        (113.1, 314.0, "200.9 s saved, 2.78× as fast"),
        (116.3, 116.2999, "nothing saved"),
        (181.2, 116.3, "64.9 s longer, 0.64× as fast"),
        (60.0, 6000.0, "1:39:00 h saved, 100.00× as fast"),
    ],
)
def test_what_a_schedule_saves(best_s: float, alone_s: float, words: str) -> None:
    assert saving_words(best_s, alone_s) == words
