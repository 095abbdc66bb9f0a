"""The cost of one operator of a training step (a row of a profile's table), its phase and its
lane."""

from __future__ import annotations

from dataclasses import dataclass

HOST_COLUMNS = ("t1_us", "t2_us", "t3_us", "t4_us", "t5_us", "wait_us")
"""The columns of the host's time in a profile with a GPU's operators."""
PHASES = ("input", "copy", "forward", "backward", "optimizer")
"""The phases of a training step, in order."""
COMMUNICATION = "communication"
"""The phase of an imported step in which processes exchange data."""
UNKNOWN_PHASE = "unknown"
"""The name of an unknown phase."""
LANES = ("cpu", "gpu", "link")
"""The host's cores, a GPU, and the link that moves data between them."""


@dataclass(frozen=True)
class OperatorCost:
    """One operator of a step on one lane at one thread count (a row of ``operators.csv``).

    ``forward_index`` is the index of the forward operator of a backward one, -1 if there is none.
    ``gap_before_us`` lies between the end of the lane's previous operator and this one's start.
    ``host_us`` is the host's time to launch the operator if it runs on a GPU, else 0. It is the sum
    of ``t2_us`` to ``t5_us`` if these are known: before its first launch, after its last, in the
    launches, between them. ``t1_us`` is the host's time since the launch of the operator before,
    and ``wait_us`` the time since then that it waited for the device.

    Measured times are corrected for the profiler's cost, not scaled. Those of an imported step are
    as the profiler saw them, a step without the operator counted as 0; its ``t1_us`` and
    ``wait_us`` are in the first row of each operator, ``launches`` counts the operator's on this
    lane, and ``threads`` is 0 if unknown. None means that a trace does not say.
    """

    index: int
    phase: str | None
    module: str
    operator: str
    forward_index: int
    shapes: str
    flops: int | None
    read_bytes: int | None
    written_bytes: int | None
    lane: str
    threads: int
    p10_us: float
    p50_us: float
    p90_us: float
    mean_us: float
    gap_before_us: float
    host_us: float
    t1_us: float = 0.0
    t2_us: float | None = 0.0
    t3_us: float | None = 0.0
    t4_us: float | None = 0.0
    t5_us: float | None = 0.0
    wait_us: float = 0.0
    launches: int = 0

    @property
    def moved_bytes(self) -> int | None:
        """Bytes read and written, None if either is unknown."""
        if self.read_bytes is None or self.written_bytes is None:
            return None
        return self.read_bytes + self.written_bytes
