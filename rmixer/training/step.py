"""The training step: built once, timed by the profiler, run by the executor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rmixer.data.batches import Batches
from rmixer.data.prepare import open_dataset
from rmixer.models.dropout import seed_dropout
from rmixer.training.bag_gradients import step_bags
from rmixer.training.dense_optimizers import make_dense_optimizer
from rmixer.training.precision import check_precision
from rmixer.training.row_groups import RowGroups, group_rows
from rmixer.training.row_optimizers import make_row_optimizer
from rmixer.workload.workload import Job


@dataclass(frozen=True)
class Substitute:
    """The data to build a step from when a job's data and the values of tensors are not available:
    ``batches``, and for each table the places of its fields in one."""

    batches: Batches
    places: Mapping[str, Sequence[int]]


class TrainingStep:
    """One job's model, optimizers and batches, and one step of training at a time.

    :meth:`run` is the whole step; its five phases can be called one by one in the same order.
    Shapes never change from step to step, and no value is read back from the device.
    """

    def __init__(self, job: Job, device: str = "cpu", substitute: Substitute | None = None) -> None:
        check_precision([job])
        entry = job.entry
        self.job, self.device = job, torch.device(device)
        self._clip_norm = entry.clip_norm
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.seed)
            self.model = entry.build(job.rows_cap)
        if substitute is None:
            arrays = open_dataset(entry.dataset, job.data)
            self.batches = Batches(arrays, job.batch, job.seed, job.rows_cap, self.model.inputs)
            places: Mapping[str, Sequence[int]] = self.model.field_places(self.batches.blank())
        else:
            self.batches, places = substitute.batches, substitute.places
        self._most_rows = self.model.most_rows(places)
        if self.device.type != "cpu":
            self.model.to(self.device)
        self._dropout = torch.Generator(self.device).manual_seed(job.seed)
        seed_dropout(self.model, self._dropout)
        self._dense = [p for p in self.model.parameters() if p.requires_grad]
        # Fused is the fastest on the CPU, and the only kind there that reads no step count back.
        fused = self.device.type == "cpu"
        kind, settings = job.optimizer, job.optimizer_settings
        self._optimizer = make_dense_optimizer(kind, self._dense, job.lr, fused, **settings)
        self._row_optimizers = {
            name: make_row_optimizer(kind, table.data, job.lr, **settings)
            for name, table in self.model.tables.items()
        }
        self._loaded: dict[str, Tensor] = {}
        self._batch: dict[str, Tensor] = {}
        self._ids: dict[str, Tensor] = {}
        self._rows: dict[str, Tensor] = {}
        self.last_loss: Tensor | None = None

    @property
    def steps_per_epoch(self) -> int:
        """The number of steps that take every whole batch once."""
        return self.batches.whole

    def scale_lr(self, factor: float) -> None:
        """Sets the learning rate of the next steps to ``factor`` times the job's."""
        lr = self.job.lr * factor
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        for optimizer in self._row_optimizers.values():
            optimizer.lr = lr

    def run(self) -> None:
        """One step."""
        self.load()
        self.copy()
        loss = self.forward()
        self.backward(loss)
        self.optimize()

    def load(self) -> None:
        """Phase ``input``: the next batch, from the arrays to tensors of the host."""
        self._loaded = self.batches.next_batch()

    def copy(self) -> None:
        """Phase ``copy``: the batch to the device; nothing to do on the CPU."""
        self._batch = self._to_device(self._loaded)

    def forward(self) -> Tensor:
        """Phase ``forward``: rows gathered outside autograd, and the model's loss."""
        self._ids, self._rows = self.model.gather(self._batch)
        for rows in self._rows.values():
            rows.requires_grad_()
        with torch.autocast(self.device.type, torch.bfloat16, self.job.precision == "bf16"):
            loss = self.model.loss(self._batch, self._rows)
        self.last_loss = loss.detach()
        return loss

    def backward(self, loss: Tensor) -> None:
        """Phase ``backward``: gradients of the dense parameters and of the gathered rows."""
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()

    def optimize(self) -> None:
        """Phase ``optimizer``: all dense parameters, then the rows of each table."""
        if self._clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self._dense, self._clip_norm, foreach=True)
        self._optimizer.step()
        groups: dict[int, RowGroups] = {}  # tables that are read at the same ids share them
        for name, optimizer in self._row_optimizers.items():
            gradient, ids = self._rows[name].grad, self._ids[name]
            assert gradient is not None, f"no gradient for the rows of {name}"
            bags = self.model.bags_of(name)
            if bags is None:
                if optimizer.grouped and id(ids) not in groups:
                    groups[id(ids)] = group_rows(ids, self._most_rows[name])
                optimizer.step(ids, gradient, groups.get(id(ids)))
            else:
                step_bags(optimizer, bags, ids, gradient)

    def loss(self) -> float:
        """The loss of the last step; waits for the device."""
        if self.last_loss is None:
            raise RuntimeError("no step has run yet")
        return float(self.last_loss)

    @torch.no_grad()
    def evaluate(self, batches: int) -> dict[str, float]:
        """The model's ``quality`` (``loss``, and ``auc`` or another) on the first ``batches``
        held-out batches; the model does not change."""
        self.model.eval()
        found: dict[str, list[Tensor]] = {}
        for loaded in self.batches.held_out(batches, self.model.measured_inputs):
            batch = self._to_device(loaded)
            for name, values in self.model.measure(batch, self.model.gather(batch)[1]).items():
                found.setdefault(name, []).append(values.cpu())
        self.model.train()
        return self.model.quality(
            {name: np.asarray(torch.cat(values)) for name, values in found.items()}
        )

    def state_dict(self) -> dict[str, Tensor]:
        """The weights by name, on the CPU; ``torch.load(..., weights_only=True)`` reads them."""
        return {name: value.detach().cpu() for name, value in self.model.state_dict().items()}

    def training_state(self) -> dict[str, Any]:
        """The state that later steps depend on, between two steps: tensors and plain values, not
        copied."""
        return {
            "weights": self.model.state_dict(),
            "dense": self._optimizer.state_dict(),
            "rows": {name: optimizer.state for name, optimizer in self._row_optimizers.items()},
            "dropout": self._dropout.get_state(),
            "position": self.batches.position,
        }

    @torch.no_grad()
    def load_training_state(self, state: dict[str, Any]) -> None:
        """Restores ``state`` from :meth:`training_state` of a step of the same job."""
        self.model.load_state_dict(state["weights"])
        # A copy: the optimizer keeps what it loads, and ``state`` may lie in a mapped file.
        self._optimizer.load_state_dict(deepcopy(state["dense"]))
        for name, optimizer in self._row_optimizers.items():
            for held, saved in zip(optimizer.state, state["rows"][name], strict=True):
                held.copy_(saved)
        self._dropout.set_state(state["dropout"])
        self.batches.position = state["position"]

    def leaves(self) -> list[Tensor]:
        """The tensors that get gradients in the backward pass: the dense parameters, and the rows
        that the last forward pass gathered."""
        return [*self._dense, *self._rows.values()]

    def tensors_by_use(self) -> dict[str, list[Any]]:
        """The tensors that the step holds between steps: ``parameter`` (buffers included),
        ``gradient`` (of the :meth:`leaves`), ``optimizer`` (the state of both kinds). Not all are
        tensors."""
        state = [value for held in self._optimizer.state.values() for value in held.values()]
        of_rows = [
            value for optimizer in self._row_optimizers.values() for value in optimizer.state
        ]
        return {
            "parameter": [*self.model.parameters(), *self.model.buffers()],
            "gradient": [leaf.grad for leaf in self.leaves()],
            "optimizer": state + of_rows,
        }

    def bytes_by_use(self) -> dict[str, int]:
        """The bytes of :meth:`tensors_by_use` (``parameter_bytes`` ...), once a step has run."""
        if self.last_loss is None:
            raise RuntimeError("no step has run yet")
        return {f"{use}_bytes": _bytes(held) for use, held in self.tensors_by_use().items()}

    def _to_device(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.device.type == "cpu":
            return batch
        return {name: values.to(self.device) for name, values in batch.items()}


def _bytes(values: Iterable[Any]) -> int:
    return sum(value.nbytes for value in values if isinstance(value, Tensor))
