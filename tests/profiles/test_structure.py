"""What the profiled step leaves behind before the memory of another one is measured."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from profiles import gpu_session
from profiles.session import structure


class _Step:
    """A step on what says that it is a GPU, whose rows are a tensor of its own."""

    def __init__(self) -> None:
        self.device = SimpleNamespace(type="cuda")
        self.model = nn.Linear(4, 1)
        self.rows = torch.zeros(0)

    def load(self) -> None:
        pass

    copy = optimize = load

    def forward(self) -> Tensor:
        self.rows = torch.ones(3, 4, requires_grad=True)
        loss: Tensor = self.model(self.rows).sum()
        return loss

    def backward(self, loss: Tensor) -> None:
        loss.backward()  # type: ignore[no-untyped-call]

    def run(self) -> None:
        self.backward(self.forward())


def test_its_rows_end_when_the_next_step_gathers_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss holds what it came from; a GPU's memory was told too high by these rows."""

    def ended(step: Any, run: Callable[[], None]) -> int:
        before = weakref.ref(step.rows)
        run()
        return int(before() is None)

    monkeypatch.setattr(gpu_session, "step_bytes", ended)
    assert structure(_Step())["peak_bytes"] == 1  # type: ignore[arg-type]
