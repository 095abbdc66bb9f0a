"""Trains a few steps and checks batches, losses, gradients, and changes of parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from rmixer.display.printable import few
from rmixer.testing.failures import NotTrained, WrongLoss, WrongReturn
from rmixer.testing.step_memory import forward_counted
from rmixer.training.own_step import OwnStep


@dataclass(frozen=True)
class Trained:
    """The loss of every step, and the bytes that the forward pass keeps for the backward pass."""

    losses: list[float]
    activation_bytes: int


def train(step: OwnStep) -> Trained:
    """Runs ``step.job.steps`` steps; raises a :class:`~rmixer.testing.CheckFailed` for wrong
    batches, losses, gradients or optimizers."""
    model = step.job.model
    named = {name: p for name, p in step.model.named_parameters() if p.requires_grad}
    _check_optimizers(step, named)
    before = {name: parameter.detach().clone() for name, parameter in named.items()}
    reached: set[str] = set()
    moved: set[str] = set()
    losses: list[float] = []
    activation_bytes = 0
    for number in range(1, step.job.steps + 1):
        step.load()
        step.copy()
        loss, kept = forward_counted(step)
        activation_bytes = max(activation_bytes, kept)
        losses.append(check_finite(step, number))
        step.backward(loss)
        for name, parameter in named.items():
            if parameter.grad is not None:
                reached.add(name)
                if _any_nonzero(parameter.grad):
                    moved.add(name)
        step.optimize()
    _check_reached(model, [name for name in named if name not in reached])
    still = [name for name, p in named.items() if name in moved and torch.equal(p, before[name])]
    if still:
        raise NotTrained(
            f"{model}: {few(still)} got gradients and did not change in {step.job.steps} steps. "
            f"Is the learning rate 0 (job.lr is {step.job.lr:g}), or does the optimizer's step do "
            "nothing?"
        )
    return Trained(losses, activation_bytes)


def check_finite(step: OwnStep, number: int) -> float:
    """The loss of ``step``, the job's ``number``-th; raises :class:`~rmixer.testing.WrongLoss`."""
    loss = step.loss()
    if math.isfinite(loss):
        return loss
    raise WrongLoss(
        f"{step.job.model}: the loss of step {number} is {loss}; allowed: a finite number. Look "
        f"for a division by zero, a log of 0 or a learning rate (job.lr is {step.job.lr:g}) that "
        "is too large"
    )


def _check_optimizers(step: OwnStep, named: Mapping[str, Tensor]) -> None:
    groups = [group for optimizer in step.optimizers for group in optimizer.param_groups]
    held = {id(parameter) for group in groups for parameter in group["params"]}
    left = [name for name, parameter in named.items() if id(parameter) not in held]
    if left:
        raise NotTrained(
            f"{step.job.model}: no optimizer has {few(left)}. Give them to one, or freeze them "
            "with requires_grad_(False)"
        )
    strange = held - {id(parameter) for parameter in step.model.parameters()}
    if strange:
        raise WrongReturn(
            f"{step.job.model}: the optimizers have {len(strange)} tensors that are no parameters "
            "of the module: they would be trained and not saved. Make them parameters of it (or "
            "were the optimizers made from another instance?)"
        )


def _check_reached(model: str, missing: list[str]) -> None:
    if missing:
        raise NotTrained(
            f"{model}: no gradient reaches {few(missing)}. Use them in the loss (a .detach(), "
            "torch.no_grad() or .data on the way cuts gradients off), or freeze them with "
            "requires_grad_(False)"
        )


def _any_nonzero(gradient: Tensor) -> bool:
    values = gradient.coalesce().values() if gradient.is_sparse else gradient
    return bool(values.count_nonzero())
