"""How many steps a session's blocks run and count, by one that counts; and what it loads."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
import torch
from torch import Tensor

from profiles.in_worker.session import LONG_STEP_S, Early, block, first_steps, profiled
from profiles.in_worker.step_clock import clock_of
from rmixer.errors import RunFailed

CPU = torch.device("cpu")
FIRST_S = 0.2
"""Longer than a busy machine keeps one of the others waiting."""


class CountedStep:
    """A product, forward and backward; ``runs`` counts its batches, the first of which takes
    ``first_s``."""

    device = CPU

    def __init__(self, first_s: float = 0.0) -> None:
        self.runs, self._first_s = 0, first_s
        self._weights = torch.ones(4, 4, requires_grad=True)

    def load(self) -> None:
        self.runs += 1
        if self.runs == 1:
            time.sleep(self._first_s)

    def copy(self) -> None:
        pass

    def forward(self) -> Tensor:
        return (self._weights @ self._weights).sum()

    def backward(self, loss: Tensor) -> None:
        loss.backward()

    def optimize(self) -> None:
        self._weights.grad = None

    def run(self) -> None:
        self.load()
        self.copy()
        self.backward(self.forward())
        self.optimize()


@pytest.mark.parametrize(
    ("step_s", "counted", "run"),
    [(0.01, 10, 11), (LONG_STEP_S / 2, 1, 2), (LONG_STEP_S, 1, 1), (1.2, 1, 1)],
)
def test_a_block_begins_with_a_step_that_does_not_count_unless_steps_are_long(
    step_s: float, counted: int, run: int
) -> None:
    plain, observed = CountedStep(), CountedStep(first_s=FIRST_S)
    assert len(block(plain, 0.1, step_s, clock_of(CPU))) == counted  # type: ignore[arg-type]
    found = profiled(observed, 0.1, step_s)  # type: ignore[arg-type]
    assert found["durations"].shape == found["gaps"].shape == (counted, len(found["names"]))
    assert plain.runs == observed.runs == run
    slow = found["durations"].sum(axis=1) > FIRST_S * 1e6
    assert slow.sum() == counted + 1 - run  # the one before those that count is not among them


def test_what_a_worker_needs_for_its_session_adds_nothing_to_its_memory() -> None:
    """An executed worker has no part of scipy: the peak of a profiled one would be higher."""
    check = (
        "import sys, profiles.in_worker.session; "
        "print([name for name in sys.modules if 'scipy' in name])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Changing(CountedStep):
    """The same; from the 20th on with another operator, each taking ``step_s`` or more."""

    def __init__(self, step_s: float) -> None:
        super().__init__()
        self._step_s = step_s

    def forward(self) -> Tensor:
        time.sleep(self._step_s)
        found = super().forward()
        return found.exp() if self.runs >= 20 else found


@pytest.mark.parametrize("step_s", [0.0, 0.03])
def test_operators_that_change_have_the_same_verdict_on_a_fast_and_a_slow_machine(
    step_s: float,
) -> None:
    """Fast, the change comes before the first steps that are profiled; slow, in between."""
    step = Changing(step_s)
    early = Early(step)  # type: ignore[arg-type]
    first = first_steps(step, clock_of(CPU), early)  # type: ignore[arg-type]
    assert (step.runs >= 20) == (step_s == 0.0)
    with pytest.raises(RunFailed, match="not run the same operators every time"):
        early.check(profiled(step, 12 * min(first), min(first))["names"])  # type: ignore[arg-type]


def test_operators_that_stay_are_fine() -> None:
    step = CountedStep()
    early = Early(step)  # type: ignore[arg-type]
    first = first_steps(step, clock_of(CPU), early)  # type: ignore[arg-type]
    early.check(profiled(step, 3 * min(first), min(first))["names"])  # type: ignore[arg-type]
    assert len(first) == step.runs - 1 - 4
