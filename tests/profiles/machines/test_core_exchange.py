"""How fast threads take over each other's data."""

from __future__ import annotations

from typing import Any

import torch

from profiles.machines.core_exchange import ELEMENTS_PER_THREAD, CoreExchange, fastest_exchanges


def test_one_thread_exchanges_with_nobody() -> None:
    threads = torch.get_num_threads()
    channel: Any = None
    try:
        torch.set_num_threads(1)
        assert CoreExchange().microseconds() == 0.0
        found = fastest_exchanges(channel, [1, 2])
    finally:
        torch.set_num_threads(threads)
    assert found[1] == 0.0
    assert found[2] > 0.0


def test_every_thread_has_a_share_and_every_element_goes_there_and_back() -> None:
    """Each way adds one to what the other matrix holds, transposed."""
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        exchange = CoreExchange()
        exchange._one[0, 1] = 5.0
        exchange._there_and_back()
        one, other = exchange._one, exchange._other
    finally:
        torch.set_num_threads(threads)
    assert one.numel() >= 3 * ELEMENTS_PER_THREAD
    assert (float(one[0, 1]), float(one[1, 0]), float(other[1, 0])) == (7.0, 2.0, 6.0)
