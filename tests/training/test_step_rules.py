"""What a step must not do, so that it can be captured in a CUDA graph."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rmixer.models.registry import MODELS, model_entry
from rmixer.training.step import TrainingStep
from rmixer.workload import Job

# Reads a value back to Python, or has an output whose shape depends on values.
FORBIDDEN = {
    "aten::_local_scalar_dense",
    "aten::_unique",
    "aten::_unique2",
    "aten::equal",
    "aten::is_nonzero",
    "aten::item",
    "aten::masked_select",
    "aten::nonzero",
    "aten::repeat_interleave",
    "aten::unique_consecutive",
    "aten::unique_dim",
    "aten::_coalesce",
    "aten::bincount",
}


class Recorder(TorchDispatchMode):
    """Names of the operators that ran, with the shapes of their tensor arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, tuple[tuple[int, ...], ...]]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = (*args, *(kwargs or {}).values())
        shapes = tuple(tuple(a.shape) for a in given if isinstance(a, torch.Tensor))
        self.calls.append((func._schema.name, shapes))
        if func._schema.name in ("aten::index", "aten::index_put_", "aten::index_put"):
            masks = [a for a in args[1] if a is not None and a.dtype is torch.bool]
            assert not masks, "a boolean mask as an index"
        return func(*args, **(kwargs or {}))


def recorded(step: TrainingStep) -> list[tuple[str, tuple[tuple[int, ...], ...]]]:
    with Recorder() as recorder:
        step.run()
    return recorder.calls


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
@pytest.mark.parametrize("model", MODELS)
def test_no_value_is_read_back_and_shapes_never_change(model: str, optimizer: str) -> None:
    entry = model_entry(model)
    job = Job("job", model, 3, 16, optimizer, entry.lr * 0.1, seed=0, rows_cap=1000)
    step = TrainingStep(job)
    step.run()
    second, third = recorded(step), recorded(step)
    assert len(second) > 40
    assert FORBIDDEN.isdisjoint(name for name, _ in second)
    assert second == third


def test_the_rule_would_notice() -> None:
    with Recorder() as recorder:
        torch.arange(3).nonzero()
        torch.ones(1).item()
    assert {name for name, _ in recorder.calls} >= {"aten::nonzero", "aten::_local_scalar_dense"}
