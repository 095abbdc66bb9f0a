"""Parameters that learn nothing are listed among the corrections, and no others are there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from torch import Tensor

from rmixer.data.prepare import prepare
from rmixer.models.corrections import corrections_of
from rmixer.training.step import TrainingStep
from rmixer.workload.workload import job_of

SMALL = 1e-7
"""Of the largest gradient of its kind: less is rounding."""


def gradients(model: str) -> dict[str, Tensor]:
    """The largest of a few steps, by parameter; those of a layer's projections by use."""
    job = replace(job_of(model), batch=64, rows_cap=500)
    prepare(job.entry.dataset, "synthetic")
    step = TrainingStep(job)
    found: dict[str, Tensor] = {}
    for _ in range(3):
        step.run()
        for name, parameter in step.model.named_parameters():
            if parameter.grad is None:
                continue
            parts = parameter.grad.abs().detach().clone()
            if name.endswith("projections.bias"):
                for part, use in zip(parts.chunk(3), ("query", "key", "value"), strict=True):
                    found[f"{name}:{use}"] = part.max().maximum(found.get(f"{name}:{use}", part[0]))
            else:
                found[name] = parts.max().maximum(found.get(name, parts.max()))
    return found


@pytest.mark.parametrize(
    ("model", "idle", "listed"),
    [
        (
            "beauty_bert4rec",
            ["blocks.0.projections.bias:key", "blocks.1.projections.bias:key"],
            "projections.bias",
        ),
        ("alidisplay_dmr", ["user_to_item.scores.rest.4.bias"], "user_to_item.scores.rest.4.bias"),
    ],
)
@pytest.mark.usefixtures("rmixer_home")
def test_those_that_get_no_gradient_are_listed(model: str, idle: list[str], listed: str) -> None:
    found = {name: float(value) for name, value in gradients(model).items()}
    biases = {name: value for name, value in found.items() if "bias" in name}
    largest = max(biases.values())
    assert sorted(name for name, value in biases.items() if value < SMALL * largest) == idle
    assert any(listed in correction.ours for correction in corrections_of(model))
