"""The bench of chance in closures, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_rounds import rounds_of

from experiments.bench import closure_noise
from experiments.bench.closure_noise import STRETCHES, drawn, present
from profiles.traces.profiler_events import Called
from rmixer.workload.workload import job_of

DRAWS = 40


def test_one_bad_round_is_in_the_mean_and_not_in_the_middle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Steps of 10 ms, the profiler costs 3%; in one round of sixteen it took 20% more."""
    monkeypatch.setattr(closure_noise, "DRAWS", DRAWS)
    middles_ms = [10.3] * 16
    middles_ms[7] *= 1.2
    blocks = rounds_of(
        probes_s=[1e-3] * 16,
        plain=[[10e-3, 10e-3]] * 32,
        profiled=[
            {
                "names": ["aten::mm"],
                "durations": np.full((2, 1), 1e3 * middle_ms),
                "gaps": np.zeros((2, 1)),
                "events": np.array([1]),
                "events_before": np.array([0]),
            }
            for middle_ms in middles_ms
        ],
        event_us=[0.0] * 16,
    )
    rows = drawn(job_of("criteo_dlrm"), 1, blocks, {"calls": [Called("aten::mm", 0.0)]})
    assert [row["drawn"] for row in rows] == [2 * length for length in STRETCHES for _ in range(2)]
    for row in rows:
        if row["operators by"] == "middle third":
            assert (row["mean"], row["spread"]) == pytest.approx((0.03, 0.0))
        else:
            assert row["mean"] > 0.035
            assert row["spread"] > 0.0
    assert 0 < round(rows[0]["beyond"] * DRAWS) < DRAWS
    assert "operators by middle third: beyond 6% in 0.0% of draws" in present(rows)
