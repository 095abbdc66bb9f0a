"""What the profiled step leaves behind before the memory of another one is measured."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from profiles.in_worker import gpu_session
from profiles.in_worker.session import structure


class _Step:
    """A step, by default on what says that it is a GPU, whose rows are a tensor of its own."""

    def __init__(self, model: nn.Module | None = None, device: str = "cuda") -> None:
        self.device = SimpleNamespace(type=device)
        self.model = model or nn.Linear(4, 1)
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


class _Scripted(nn.Module):
    """A module that TorchScript has compiled between two of Python's."""

    def __init__(self) -> None:
        super().__init__()
        self.below = nn.Linear(4, 4)
        self.middle = torch.jit.script(nn.Sequential(nn.Linear(4, 3), nn.Tanh()))
        self.top = nn.Linear(3, 1)

    def forward(self, rows: Tensor) -> Tensor:
        value: Tensor = self.top(self.middle(self.below(rows)))
        return value


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_a_compiled_modules_operators_are_those_of_the_one_around_it() -> None:
    """TorchScript lets nothing be hung into its modules."""
    for model, around in ((_Scripted(), ""), (torch.jit.script(_Scripted()), "")):
        calls = structure(_Step(model, "cpu"))["calls"]  # type: ignore[arg-type]
        assert {call.module for call in calls if call.name == "aten::tanh"} == {around}
    modules = [c.module for c in structure(_Step(_Scripted(), "cpu"))["calls"]]  # type: ignore[arg-type]
    assert {"below", "top", ""} <= {*modules}
