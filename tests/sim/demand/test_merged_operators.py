"""Operators merged by a heap against looking through all neighbours each time."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rmixer.testing.made_up import make_operator, make_profile, make_step
from sim.demand.merged_operators import Piece, coalesce
from sim.demand.segments import step_segments

times = st.sampled_from([0.0, 1.0, 1.0, 2.0, 3.5, 0.1])


@st.composite
def steps(draw: st.DrawFn) -> list[Piece]:
    """Pieces of few lengths, so that many merges lose the same."""
    pieces = []
    for _ in range(draw(st.integers(1, 30))):
        lane, host = draw(st.sampled_from(["cpu", "gpu", "gpu", "link"])), draw(times)
        if lane == "cpu":
            pieces.append(Piece(lane, host, host * draw(times)))
            continue
        work, waits = draw(times), draw(st.integers(0, 5)) == 0
        pieces.append(Piece(lane, host, host, work, host, host, work, work * host, waits))
    return pieces


def one_by_one(pieces: list[Piece], limit: int) -> list[Piece]:
    """The first of the two neighbours that lose least, again and again."""
    left = list(pieces)
    while len(left) > limit:
        joins = [
            (one.loss(other), at)
            for at, (one, other) in enumerate(pairwise(left))
            if one.joins(other)
        ]
        if not joins:
            break
        at = min(joins)[1]
        left[at : at + 2] = [left[at].then(left[at + 1])]
    return left


@given(steps(), st.integers(1, 12))
def test_the_smallest_loss_first(pieces: list[Piece], limit: int) -> None:
    assert coalesce(pieces, limit) == one_by_one(pieces, limit)


@given(steps(), st.integers(1, 8), st.integers(0, 8))
def test_merging_on_is_merging_at_once(pieces: list[Piece], limit: int, more: int) -> None:
    assert coalesce(coalesce(pieces, limit + more), limit) == coalesce(pieces, limit)


def test_a_coarser_step_is_the_one_made_at_once() -> None:
    kernels = [make_operator(10.0 * (1 + i % 5), lane="gpu", host_us=4.0 + i) for i in range(40)]
    profile = make_profile("criteo_dlrm", [make_step("gpu", mean_us=900.0)], kernels)
    fine = step_segments(profile, "gpu", 1)
    assert len(fine.segments) == 16
    assert fine.coarser(5) == step_segments(profile, "gpu", 1, 5)
    assert fine.coarser(20) is fine
