"""Imported profiles as tables: shares of a lane by hand, and what is unknown said to be so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from experiments.tables.imported_table import host_gaps, imported_table, lane_shares
from rmixer.imported.imported_profile import ImportedProfile
from rmixer.operators.operator_cost import OperatorCost

COPY = OperatorCost(
    index=0,
    phase="copy",
    module="",
    operator="aten::to",
    forward_index=-1,
    shapes="",
    flops=None,
    read_bytes=None,
    written_bytes=None,
    lane="link",
    threads=0,
    p10_us=8.0,
    p50_us=8.0,
    p90_us=8.0,
    mean_us=8.0,
    gap_before_us=92.0,
    host_us=30.0,
    launches=1,
    t1_us=10.0,
    t2_us=10.0,
    t3_us=9.0,
    t4_us=11.0,
    t5_us=0.0,
    wait_us=0.0,
)
LINEAR = replace(
    COPY,
    index=1,
    phase="forward",
    operator="aten::linear",
    shapes="8x4 2x4",
    flops=2_000_000,
    read_bytes=3 << 20,
    written_bytes=1 << 20,
    lane="gpu",
    mean_us=60.0,
    gap_before_us=15.0,
    host_us=40.0,
    launches=2,
    t5_us=5.0,
    wait_us=7.0,
)
RELU = replace(LINEAR, index=2, phase=None, operator="aten::relu", mean_us=25.0, gap_before_us=0.0)
EMPTY = replace(
    COPY, index=3, operator="aten::empty", phase=None, lane="cpu", mean_us=20.0, host_us=0.0,
    gap_before_us=3.0, t1_us=3.0, t2_us=None, t3_us=None, t4_us=None, t5_us=None,
)  # fmt: skip
PROFILE = ImportedProfile(
    name="mine",
    trace="mine.json",
    trace_hash="0123",
    device="gpu",
    hardware=None,
    driver=None,
    steps_told="ProfilerStep marks",
    steps_found=5,
    steps_used=4,
    profiled_mean_us=200.0,
    profiled_p10_us=190.0,
    profiled_p50_us=200.0,
    profiled_p90_us=220.0,
    closure={"cpu": -0.01, "gpu": -0.5},
    other_operators=6,
    unclaimed_us=2.5,
    operators=(COPY, LINEAR, RELU, EMPTY),
)


def shown(profile: ImportedProfile, top: int = 12) -> str:
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(imported_table(profile, top))
    return capture.get()


def test_shares_of_each_lane() -> None:
    """The host: 130 us of work (launching counts as what is launched), 47 us of gaps and waiting.
    The GPU: 85 us of work, 15 us of gaps."""
    host, link, gpu = lane_shares(PROFILE)
    assert (host.lane, host.operators, host.busy_us, host.gaps_us) == ("cpu", 4, 130, 47)
    assert host.by_class == pytest.approx(
        {
            "input and copies": 30 / 177,
            "matrix products": 40 / 177,
            "moving data": 20 / 177,
            "elementwise": 40 / 177,
            "between operators": 47 / 177,
        }
    )
    assert (link.lane, link.busy_us, link.gaps_us) == ("link", 8, 92)
    assert (gpu.lane, gpu.operators) == ("gpu", 2)
    assert gpu.by_class == {
        "matrix products": 0.6,
        "elementwise": 0.25,
        "between operators": 0.15,
    }


def test_the_hosts_gaps_add_up_over_a_step() -> None:
    assert list(host_gaps(PROFILE).items()) == [
        ("T1 between operators", 33),
        ("T2 before the first launch", 30),
        ("T4 launching", 33),
        ("T5 between launches", 10),
        ("T3 after the last launch", 27),
        ("waiting for the device", 14),
    ]


def test_what_is_unknown_is_said_to_be() -> None:
    text = shown(PROFILE)
    for part in (
        "mine, imported from mine.json",
        "hardware unknown; batch unknown, host threads unknown",
        "without the profiler unknown, peak memory unknown",
        "FLOPs of a step: 4.00 MFLOP (2 of 4 operators unknown), bytes: 8.00 MiB (2 of 4 ",
        "unknown: sensitivity, pressure",
        "4 of 5 steps, found by ProfilerStep marks",
        "left out: 6 operators of other threads",
        "left out: 0.003 ms a step of device work",
    ):
        assert part in text
    (relu,) = [line for line in text.splitlines() if " relu " in line]
    assert relu.split()[:2] == ["unknown", "relu"]


def test_what_lies_outside_of_nodes_and_is_left_out_is_shown() -> None:
    """Communication is a class of its own, also inside of a pass."""
    reduce = replace(LINEAR, operator="c10d::allreduce_", phase="communication")
    gather = replace(LINEAR, index=2, operator="c10d::_allgather_base_", phase="backward")
    found = replace(
        PROFILE, operators=(reduce, gather), outside_nodes=1.5, left_out_share=0.02, other_us=40.0
    )
    text = shown(found)
    for part in (
        "1.5 operators a step outside of autograd's nodes",
        "left out: 6 operators of other threads, 0.040 ms a step",
        "left out: 0.003 ms a step of device work (2.0% of it)",
        "communication c10d::allreduce_",
    ):
        assert part in text
    assert lane_shares(found)[1].by_class["communication"] == pytest.approx(120 / 150)
    assert "left out: no device work" in shown(replace(PROFILE, unclaimed_us=0.0))


def test_what_the_user_has_said_is_shown() -> None:
    said = replace(PROFILE, batch=64, threads=2, peak_bytes=3 << 30, step_us=150.0)
    text = shown(said)
    assert "batch 64, host threads 2" in text
    assert "without the profiler 0.150 ms, peak memory 3.00 GiB" in text


def test_a_step_on_the_cpu_has_no_launches() -> None:
    """Nor any work that is known, where no shapes were recorded."""
    rows = tuple(replace(EMPTY, index=at, flops=None) for at in range(3))
    text = shown(replace(PROFILE, device="cpu", operators=rows, closure={"cpu": 0.0}))
    assert "T4 launching" not in text
    assert "FLOPs of a step: unknown, bytes: unknown" in text


def test_the_table_fits_100_columns_and_says_how_much_it_leaves_out() -> None:
    rows = [replace(RELU, index=at, operator=f"aten::{'long' * at}") for at in range(1, 12)]
    text = shown(replace(PROFILE, operators=tuple(rows)), top=4)
    assert max(map(len, text.splitlines())) <= 100
    assert "7 more" in text


def test_the_brackets_in_the_name_of_a_kernel_are_shown() -> None:
    name = "kernel<[lambda][/int]>"
    assert name in shown(replace(PROFILE, operators=(replace(LINEAR, operator=name),)))
