"""Dropout that draws from a generator of the job, not of the process."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """In training each value is zero with probability ``p``, the others are divided by 1 - p.

    Draws come from ``generator`` (torch's own while it is None): jobs that share a process then
    neither disturb nor repeat each other, and a job's draws depend on its seed alone.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return values
        kept = torch.empty_like(values).bernoulli_(1.0 - self.p, generator=self.generator)
        return values * kept.mul_(1.0 / (1.0 - self.p))


def seed_dropout(model: nn.Module, generator: torch.Generator) -> None:
    """Let every :class:`Dropout` of ``model`` draw from ``generator``."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = generator
