"""Histories of clicks against a walk through the log, row after row, wherever blocks are cut."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rmixer.data.arrays import Chunks, Column
from rmixer.data.click_sessions import Sessions, shuffled

POSITIONS, HISTORY_MAX = 2, 3
Row = tuple[int, int, int, int, bool]  # user, ad, advertiser, position, click

rows_of_a_log = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(1, 9), st.integers(1, 5), st.integers(0, 1), st.booleans()
    ),
    min_size=1,
    max_size=40,
)


def walk(log: list[Row]) -> list[dict[str, Any]]:
    """The samples of ``log``, one row after another."""
    found: list[dict[str, Any]] = []
    before: int | None = None
    clicks: list[list[tuple[int, int]]] = []
    for number, (user, ad, advertiser, position, click) in enumerate(log):
        if user != before:
            clicks = [[] for _ in range(POSITIONS)]
        before = user
        if user != 0 and any(clicks):
            newest = [at[-HISTORY_MAX:] for at in clicks]
            padded = [at + [(0, 0)] * (HISTORY_MAX - len(at)) for at in newest]
            found.append(
                {
                    "row": number,
                    "user": user,
                    "ad": ad,
                    "advertiser": advertiser,
                    "position": position,
                    "history_ads": [clicked for at in padded for clicked, _ in at],
                    "history_advertisers": [by for at in padded for _, by in at],
                    "history_length": [len(at) for at in newest],
                    "label": click,
                }
            )
        if click:
            clicks[position].append((ad, advertiser))
    return found


def block(log: list[Row]) -> dict[str, np.ndarray]:
    columns = np.array(log, dtype=np.int32).reshape(-1, 5).T
    names = ("user", "ad", "advertiser", "position", "click")
    return dict(zip(names, columns, strict=True))


@given(rows_of_a_log, st.lists(st.integers(0, 40), max_size=5))
def test_samples_are_those_of_a_walk_through_the_log(log: list[Row], cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(log)) for cut in cuts), len(log)]
    sessions = Sessions(POSITIONS, HISTORY_MAX)
    found: list[dict[str, Any]] = []
    for start, end in pairwise(edges):
        samples = sessions.samples(block(log[start:end]))
        for at in range(len(samples["row"])):
            found.append({name: values[at].tolist() for name, values in samples.items()})
    assert found == walk(log)
    assert sessions.rows == len(log)


COLUMNS = {"value": Column("int32", "int64")}


def all_of(chunks: Chunks) -> tuple[list[int], int]:
    values: list[int] = []
    while True:
        try:
            values += next(chunks)["value"].tolist()
        except StopIteration as end:
            return values, end.value


def test_the_order_does_not_depend_on_the_blocks(tmp_path: Path) -> None:
    number = np.arange(5000, dtype=np.uint64)
    orders = []
    for size in (5000, 700):
        folder = tmp_path / str(size)
        folder.mkdir()
        blocks = (
            {"row": number[start : start + size], "value": number[start : start + size]}
            for start in range(0, 5000, size)
        )
        orders.append(all_of(shuffled(blocks, COLUMNS, folder)))
        assert not list(folder.iterdir()), "intermediate files are gone"
    assert orders[0] == orders[1]
    values, train_rows = orders[0]
    assert sorted(values) == number.tolist()
    assert abs(train_rows - 4000) < 100
    assert np.corrcoef(values, np.arange(5000))[0, 1] < 0.05


def test_no_samples_at_all(tmp_path: Path) -> None:
    assert all_of(shuffled([], COLUMNS, tmp_path)) == ([], 0)
