"""Operators against the machine's limits, by hand, and drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_runs import profile

from experiments.figures.roofline import draw_rooflines
from experiments.operators.roofline import rooflines
from rmixer.hardware.machine import Gpu
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.testing.made_up import make_machine, make_operator

# One core: 50 GFLOP/s and 10 GB/s, so a ridge at 5 FLOP/byte. Two: 100 GFLOP/s and 10 GB/s.
MACHINE = make_machine()


def of(*costs: object) -> ModelProfile:
    return replace(profile(), operators=tuple(costs))  # type: ignore[arg-type]


MM = replace(make_operator(100.0, 400_000), operator="aten::mm", shapes="8x9 9x7", flops=4_000_000)
CAT = replace(make_operator(50.0, 600_000), operator="aten::cat", shapes="[8x9 8x9]")
VIEW = replace(make_operator(20.0), operator="aten::view")


def test_rates_by_hand() -> None:
    """Two products in 200 us, a copy in 50, a view in 20 and 130 us between them: 400 in all."""
    (lane,) = rooflines(of(MM, replace(MM, gap_before_us=130.0), CAT, VIEW), MACHINE)
    assert (lane.peak_gflops, lane.bandwidth_gbps, lane.ridge) == (50.0, 10.0, 5.0)
    (mm,), (cat,) = lane.computing, lane.moving
    assert (mm.operator, mm.shapes, mm.kind) == ("mm", "8x9 9x7", "matrix products")
    assert (mm.calls, mm.flops, mm.moved_bytes, mm.time_us) == (2, 8_000_000, 800_000, 200.0)
    assert (mm.gflops, mm.gbps, mm.intensity) == (40.0, 4.0, 10.0)
    assert cat.gbps == 12.0  # above what memory gives: from a cache
    assert (mm.share, cat.share) == (0.5, 0.125)
    assert lane.idle == {"between operators": 0.325, "view": 0.05}


def test_shapes_and_kinds_are_kept_apart() -> None:
    other = replace(MM, shapes="8x9 9x1", mean_us=10.0)
    updating = replace(MM, phase="optimizer", mean_us=5.0)
    (lane,) = rooflines(of(MM, other, updating), MACHINE)
    assert [(rate.shapes, rate.kind) for rate in lane.computing] == [
        ("8x9 9x7", "matrix products"),
        ("8x9 9x1", "matrix products"),
        ("8x9 9x7", "optimizer"),
    ]


@pytest.mark.parametrize("threads", [(1,), (1, 2)])
def test_nothing_is_hidden(threads: tuple[int, ...]) -> None:
    """On every lane all shares add up to one."""
    lanes = rooflines(profile(threads=threads), MACHINE)
    assert [(lane.lane, lane.threads) for lane in lanes] == [("cpu", count) for count in threads]
    assert [lane.peak_gflops for lane in lanes] == [50.0 * count for count in threads]
    for lane in lanes:
        shares = [rate.share for rate in (*lane.computing, *lane.moving)]
        assert sum(shares) + sum(lane.idle.values()) == pytest.approx(1.0)


def test_an_operator_whose_time_is_all_the_profilers_has_no_rate() -> None:
    (lane,) = rooflines(of(MM, replace(CAT, mean_us=0.0)), MACHINE)
    assert lane.moving == ()


def test_limits_of_a_gpu_are_its_own() -> None:
    gpu = Gpu("fast", 1 << 34, 100, bandwidth_gbps=3000.0, link_gbps=50.0, matmul_gflops=60_000.0)
    costs = [replace(CAT, lane=lane) for lane in ("gpu", "link")]
    on_gpu, on_link = rooflines(of(*costs), replace(MACHINE, gpus=(gpu,)))
    assert (on_gpu.peak_gflops, on_gpu.bandwidth_gbps, on_gpu.ridge) == (60_000.0, 3000.0, 20.0)
    assert (on_link.peak_gflops, on_link.bandwidth_gbps, on_link.ridge) == (None, 50.0, None)
    assert rooflines(of(*costs), MACHINE)[0].bandwidth_gbps is None


@pytest.mark.parametrize(
    "shown",
    [
        profile(threads=(1, 2)),
        of(VIEW),
        of(replace(MM, lane="gpu"), replace(CAT, lane="link")),
    ],
)
def test_it_draws_two_panels_a_lane(shown: ModelProfile) -> None:
    lanes = rooflines(shown, MACHINE)
    figure = draw_rooflines(lanes, "Operators")
    figure.canvas.draw()
    assert len(figure.axes) == 2 * len(lanes)
    left, right = figure.axes[:2]
    numbers = [text.get_text() for axes in (left, right) for text in axes.texts]
    for place, rate in enumerate(lanes[0].computing[:6], start=1):
        assert any(f"{place}  " in text and rate.operator in text for text in numbers)
    assert (left.get_xlabel(), right.get_xlabel()) == ("FLOP/byte", "bytes a call")
    labels = [
        tick.get_text() for axis in (left.xaxis, left.yaxis) for tick in axis.get_ticklabels()
    ]
    assert labels
    assert [label for label in labels if "$" in label or "{" in label] == []
