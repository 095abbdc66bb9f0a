"""The memory ledger, by hand."""

from __future__ import annotations

from executor.records.memory_ledger import Ledger


def test_the_peak_is_the_largest_sum_of_those_that_were_together() -> None:
    ledger = Ledger()
    ledger.admit("cpu:0", "a", 100)
    ledger.admit("cpu:0", "b", 50)
    ledger.release("cpu:0", "a", None)
    ledger.admit("cpu:0", "c", 70)
    assert ledger.peaks == {"cpu:0": 150}


def test_what_was_measured_takes_the_place_of_what_was_predicted() -> None:
    """Also for the time before it was known."""
    ledger = Ledger()
    ledger.admit("cpu:0", "a", 100)
    ledger.admit("cpu:0", "b", 50)
    ledger.release("cpu:0", "a", 40)
    assert ledger.peaks == {"cpu:0": 90}
    ledger.release("cpu:0", "b", 80)
    assert ledger.peaks == {"cpu:0": 120}


def test_devices_are_apart() -> None:
    ledger = Ledger()
    ledger.admit("gpu:0", "a", 5)
    ledger.admit("gpu:1", "b", 7)
    ledger.release("gpu:1", "b", 6)
    assert ledger.peaks == {"gpu:0": 5, "gpu:1": 6}
    assert Ledger().peaks == {}
