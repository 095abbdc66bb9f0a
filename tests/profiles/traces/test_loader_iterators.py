"""A step in which a data loader makes a new iterator trains as the others do."""

from __future__ import annotations

from pathlib import Path

import pytest
from gpu_trace import Event, event, write_trace
from plain_steps import in_steps, training

from profiles.traces.imported import import_trace

NEXT = "enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__"
DRAWS = ("aten::empty", "aten::random_", "aten::item", "aten::randperm", "aten::resolve_conj",
         "aten::resolve_neg")  # fmt: skip


def step(number: int, wait: float) -> list[Event]:
    """The loader's mark lasts for ``wait``; the training comes then."""
    trained = [{**each, "ts": each["ts"] + 20.0 + wait} for each in training(number)]
    return [event(NEXT, "user_annotation", 20.0, 20.0 + wait), *trained]


@pytest.mark.parametrize("marks", [True, False])
def test_the_first_of_an_epoch(tmp_path: Path, marks: bool) -> None:
    """1300 us in every third step, which draws for 6 us, and 330 in the others."""
    steps: list[list[Event]] = []
    lengths: list[float] = []
    for number in range(10):
        first = number % 3 == 0
        draws = [event(name, "cpu_op", 2.0 * at, 2.0 * at + 1.0) for at, name in enumerate(DRAWS)]
        steps.append([*(draws if first else []), *step(number, 980.0 if first else 10.0)])
        lengths.append(1300.0 if first else 330.0)
    found = import_trace(write_trace(tmp_path / "t.json", in_steps(steps, lengths, marks)), "t")
    counted = lengths if marks else lengths[1:-1]
    assert found.steps_used == found.steps_found
    if marks:
        assert found.profiled_mean_us == pytest.approx(sum(counted) / len(counted))
    rows = [row for row in found.operators if row.operator in DRAWS]
    assert {row.phase for row in rows} == {"input"}
    if marks:
        assert sum(row.mean_us for row in rows) == pytest.approx(6.0 * 4 / 10)
    assert found.closure == {"cpu": pytest.approx(0)}


def test_a_value_that_is_read_there_is_no_input(tmp_path: Path) -> None:
    """The loss of the step before."""
    read = [event("aten::item", "cpu_op", 2.0, 3.0)]
    steps = [[*read, *step(number, 10.0)] for number in range(4)]
    found = import_trace(write_trace(tmp_path / "t.json", in_steps(steps, [330.0] * 4)), "t")
    assert (found.operators[0].operator, found.operators[0].phase) == ("aten::item", None)
