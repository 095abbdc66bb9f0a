"""The result of a user's ``build`` function: an own model, and how it is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer


@dataclass(frozen=True)
class OwnModel:
    """A model with its batches, its loss and its optimizers.

    A workload names the function that returns one: ``model: "package.module:build"``. It is called
    as ``build(job)`` with a :class:`rmixer.workload.Job` and should use the job's ``batch``,
    ``lr``, ``optimizer``, ``seed``, and ``rows_cap`` and ``data`` if they apply. The generators of
    Torch, NumPy and Python are seeded with ``job.seed`` before.

    ``batches``: any iterable of batches, a ``DataLoader`` with workers included; it is restarted
    when it ends. A batch is a tensor, or tuples, lists and dicts of them.
    ``loss(module, batch)``: one number with a gradient; it is called with the module in training
    mode, and with autocast on if the job's precision is bf16.
    ``optimizers``: one or several; together they do one step after each backward pass.
    ``held_out``: batches that are not trained on; the loss is evaluated on the first of them.
    ``predict(module, batch)``: labels (0 or 1) and logits of as many samples, for the AUC on
    ``held_out``.
    ``stateful``: other objects that a step changes and a later step reads (a scheduler of the
    learning rate, a generator), so that a stopped job resumes exactly: objects with
    ``state_dict`` and ``load_state_dict``, and ``torch.Generator``.
    """

    module: nn.Module
    batches: Iterable[Any]
    loss: Callable[[nn.Module, Any], Tensor]
    optimizers: Optimizer | Sequence[Optimizer]
    held_out: Iterable[Any] | None = None
    predict: Callable[[nn.Module, Any], tuple[Tensor, Tensor]] | None = None
    stateful: Sequence[Any] = ()
