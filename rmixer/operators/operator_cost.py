"""What one operator of a training step costs: a row of a profile's table."""

from __future__ import annotations

from dataclasses import dataclass

HOST_COLUMNS = ("t1_us", "t2_us", "t3_us", "t4_us", "t5_us", "wait_us")
"""What a row has of the host's time where a profile has a GPU's operators."""


@dataclass(frozen=True)
class OperatorCost:
    """One operator of a step on one lane at one thread count (a row of ``operators.csv``).

    ``forward_index`` is the index of the forward operator that a backward one belongs to, -1
    where there is none. Times are corrected for the profiler's cost, not scaled.
    ``gap_before_us`` lies between the lane's previous operator's end and this one's start;
    ``host_us`` is the host's time to launch the operator when it runs on a GPU, else 0. It is the
    sum of ``t2_us`` to ``t5_us`` where these are known: before its first launch, after its last,
    in the launches, between them. ``t1_us`` is the host's time since it had launched the operator
    before, and ``wait_us`` how long it waited for the device since then.
    """

    index: int
    phase: str
    module: str
    operator: str
    forward_index: int
    shapes: str
    flops: int
    read_bytes: int
    written_bytes: int
    lane: str
    threads: int
    p10_us: float
    p50_us: float
    p90_us: float
    mean_us: float
    gap_before_us: float
    host_us: float
    t1_us: float = 0.0
    t2_us: float = 0.0
    t3_us: float = 0.0
    t4_us: float = 0.0
    t5_us: float = 0.0
    wait_us: float = 0.0
