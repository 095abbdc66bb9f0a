"""A GPU's rates from given times, and from a real one."""

from __future__ import annotations

import pytest
import torch

from profiles.machines.gpu_rates import COPIED_BYTES, LINKED_BYTES, MATRIX, gpu_rates, gpus


def test_rates_are_work_by_time() -> None:
    """A product of 4096 in 10 ms, a GiB copied in a second, a quarter of one brought in half a
    second, a launch in 4 us."""
    times_s = iter([0.010, 1.0, 0.5])
    assert (MATRIX, COPIED_BYTES, LINKED_BYTES) == (4096, 2**30, 2**28)
    assert gpu_rates("meta", lambda work: next(times_s), lambda: 4e-6) == {
        "matmul_gflops": pytest.approx(2 * 4096**3 / 1e7, abs=0.1),
        "bandwidth_gbps": 2.15,
        "link_gbps": 0.537,
        "launch_us": 4.0,
    }


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_real_gpu() -> None:
    """Within what any of the last ten years can do."""
    channel = None
    for found in gpus(channel):  # type: ignore[arg-type]
        assert 1e3 < found["matmul_gflops"] < 1e6
        assert 50 < found["bandwidth_gbps"] < 2e4
        assert 1 < found["link_gbps"] < 1e3
        assert 0.5 < found["launch_us"] < 100
        assert found["memory_bytes"] > 1 << 30
