"""A model that passes ``check_model``, and how to change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from rmixer.own_model import OwnModel
from rmixer.workload.workload import Job

Make = Callable[[Job], OwnModel]


def loss(module: nn.Module, batch: Any) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(module(batch[0]).squeeze(1), batch[1])


def rows(count: int = 200) -> TensorDataset:
    draw = torch.Generator().manual_seed(1)
    values = torch.randn(count, 4, generator=draw)
    return TensorDataset(values, (values.sum(1) > 0).float())


def build(job: Job) -> OwnModel:
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    return OwnModel(
        module=net,
        batches=DataLoader(rows(), job.batch, shuffle=True, drop_last=True),
        loss=loss,
        optimizers=torch.optim.Adam(net.parameters(), lr=job.lr, fused=True),
    )


def but(**changes: Callable[[Job, OwnModel], Any]) -> Make:
    """``build`` with other fields, each a function of the job and of what ``build`` returns."""

    def changed(job: Job) -> OwnModel:
        own = build(job)
        return replace(own, **{name: make(job, own) for name, make in changes.items()})

    return changed


def with_module(make: Callable[[], nn.Module]) -> Make:
    """``build`` of another module, whose parameters are all optimized."""

    def changed(job: Job) -> OwnModel:
        module = make()
        return replace(build(job), module=module, optimizers=torch.optim.SGD(module.parameters()))

    return changed
