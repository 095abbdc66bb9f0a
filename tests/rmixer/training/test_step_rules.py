"""What a step must not do, so that it can be captured in a CUDA graph."""

from __future__ import annotations

import pytest
import torch

from rmixer.models.registry import MODELS, model_entry
from rmixer.testing.step_shapes import MASKED, read_backs, recorded
from rmixer.training.step import TrainingStep
from rmixer.workload.workload import OPTIMIZERS, Job


@pytest.mark.parametrize(
    ("model", "optimizer"),
    [
        *((name, entry.optimizer) for name, entry in MODELS.items()),
        *(("criteo_deepfm", kind) for kind in OPTIMIZERS),
        *(("rm1", kind) for kind in OPTIMIZERS),
    ],
)
def test_no_value_is_read_back_and_shapes_never_change(model: str, optimizer: str) -> None:
    entry = model_entry(model)
    job = Job("job", model, 3, 8, optimizer, entry.lr * 0.1, seed=0, rows_cap=1000)
    step = TrainingStep(job)
    step.run()
    (second, _), (third, _) = recorded(step.run), recorded(step.run)
    assert len(second) > 40
    assert read_backs(second) == []
    assert second == third


def test_the_rule_would_notice() -> None:
    def forbidden() -> None:
        torch.arange(3).nonzero()
        torch.ones(1).item()
        values = torch.ones(3)
        values[torch.ones(3, dtype=torch.bool)]
        values[torch.zeros(3, dtype=torch.bool)] = 2.0

    calls, _ = recorded(forbidden)
    assert set(read_backs(calls)) == {"aten::nonzero", "aten::_local_scalar_dense", MASKED}
