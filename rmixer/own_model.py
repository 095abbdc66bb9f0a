"""What a user's ``build`` function returns: a model of one's own, and how it is trained."""

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
    as ``build(job)`` with a :class:`rmixer.workload.Job` and is expected to honour its ``batch``,
    ``lr``, ``optimizer``, ``seed``, and as far as they mean something to it ``rows_cap`` and
    ``data``. Torch's, NumPy's and Python's own generators are seeded with ``job.seed`` before.

    ``batches``: any iterable of batches, a ``DataLoader`` with workers included; when it is
    exhausted it is started again. A batch is a tensor, or tuples, lists and dicts of them.
    ``loss(module, batch)``: one number with a gradient; it is called with the module in training
    mode, and with autocast on where the job's precision is bf16.
    ``optimizers``: one or several; together they make one step after each backward pass.
    ``held_out``: batches that are not trained on; the loss is evaluated on the first of them.
    ``predict(module, batch)``: labels (0 or 1) and logits of as many samples, for the AUC on
    ``held_out``.
    ``stateful``: what else a step changes and a later step reads (a scheduler of the learning
    rate, a generator of your own), so that a job that was stopped goes on as if it had not been:
    objects with ``state_dict`` and ``load_state_dict``, and ``torch.Generator``.
    """

    module: nn.Module
    batches: Iterable[Any]
    loss: Callable[[nn.Module, Any], Tensor]
    optimizers: Optimizer | Sequence[Optimizer]
    held_out: Iterable[Any] | None = None
    predict: Callable[[nn.Module, Any], tuple[Tensor, Tensor]] | None = None
    stateful: Sequence[Any] = ()
