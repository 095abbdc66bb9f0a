"""The training step of a user's own model, with the phases of :class:`TrainingStep`."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rmixer.errors import RunFailed
from rmixer.models.metrics import auc
from rmixer.training.nested import moved, stored_bytes, tensors_in
from rmixer.training.own_batches import OwnBatches
from rmixer.training.own_build import Build, build_own_model, optimizers_of
from rmixer.training.own_samples import SampleCount
from rmixer.training.precision import check_precision
from rmixer.training.process_generators import generators_state, set_generators
from rmixer.training.user_code import UserCode
from rmixer.workload.workload import Job


class OwnStep:
    """One job's own model, and one step of training at a time.

    An error of the user's code is a :class:`~rmixer.training.user_code.UserCodeFailed`; a wrong
    return value is a :class:`~rmixer.errors.RunFailed` with an explanation. It uses the generators
    of the process, which are seeded when it is made: one step at a time in a process.
    """

    def __init__(self, job: Job, build: Build, device: str = "cpu") -> None:
        check_precision([job])
        self.job, self.device = job, torch.device(device)
        own = build_own_model(build, job)
        self.model = own.module.to(self.device)
        self._loss, self._predict, self.held_out = own.loss, own.predict, own.held_out
        self.optimizers = optimizers_of(own)
        self._lrs = [float(group["lr"]) for group in self._groups()]
        trained = [parameter for group in self._groups() for parameter in group["params"]]
        self.parameters = list(dict.fromkeys((*self.model.parameters(), *trained)))
        self._stateful = tuple(own.stateful)
        self._batches = OwnBatches(own.batches, job.model, self.device)
        self.sampled = SampleCount(job.batch, job.model)
        self._loaded: Any = None
        self.batch: Any = None
        self.last_loss: Tensor | None = None

    @property
    def steps_per_epoch(self) -> int | None:
        """The number of the user's batches in a pass; None if unknown."""
        return self._batches.length

    def scale_lr(self, factor: float) -> None:
        """Sets the learning rates of the next steps to ``factor`` times the first rates of the
        user's optimizers."""
        for group, lr in zip(self._groups(), self._lrs, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr * factor)
            else:
                group["lr"] = lr * factor

    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def run(self) -> None:
        """One step."""
        self.load()
        self.copy()
        loss = self.forward()
        self.backward(loss)
        self.optimize()

    def load(self) -> None:
        """Phase ``input``: the next of the user's batches. Raises
        :class:`~rmixer.training.own_samples.WrongBatchSize`."""
        self._loaded = self._batches.next()
        self.sampled.add(self._loaded, self._batches.given)

    def copy(self) -> None:
        """Phase ``copy``: the batch to the device; nothing to do on the CPU."""
        self.batch = self._on_device(self._loaded)

    def forward(self) -> Tensor:
        """Phase ``forward``: the user's loss."""
        bf16 = self.job.precision == "bf16"
        with UserCode(), torch.autocast(self.device.type, torch.bfloat16, bf16):
            loss = self._loss(self.model, self.batch)
        self._check_loss(loss)
        self.last_loss = loss.detach()
        return loss

    def backward(self, loss: Tensor) -> None:
        """Phase ``backward``: gradients of all parameters."""
        for parameter in self.parameters:
            parameter.grad = None
        with UserCode():
            loss.backward()

    def optimize(self) -> None:
        """Phase ``optimizer``: a step of each of them in turn."""
        with UserCode():
            for optimizer in self.optimizers:
                optimizer.step()

    def loss(self) -> float:
        """The loss of the last step; waits for the device."""
        if self.last_loss is None:
            raise RuntimeError("no step has run yet")
        return float(self.last_loss)

    @torch.no_grad()
    def evaluate(self, batches: int) -> dict[str, float]:
        """The mean ``loss`` over the samples of the first ``batches`` held-out batches, and ``auc``
        if the user's ``predict`` gives scores; empty if nothing is held out. Its random draws do
        not change later steps."""
        if self.held_out is None:
            return {}
        generators = generators_state(self.device)
        try:
            return self._evaluated(batches, self.held_out)
        finally:
            set_generators(generators, self.device)

    def _evaluated(self, batches: int, held_out: Iterable[Any]) -> dict[str, float]:
        losses: list[tuple[float, int]] = []
        scored: list[tuple[Tensor, Tensor]] = []
        training = self.model.training
        self.model.eval()
        with UserCode():
            for loaded in islice(iter(held_out), batches):
                batch = self._on_device(loaded)
                loss = self._loss(self.model, batch)
                losses.append((float(loss), samples_of(batch)))
                if self._predict is not None:
                    scored.append(self._scores(self._predict(self.model, batch)))
        self.model.train(training)
        if not losses:
            raise RunFailed(f"{self.job.model}: held_out has no batch")
        values, weights = zip(*losses, strict=True)
        found = {"loss": float(np.average(values, weights=weights))}
        if scored:
            labels, logits = (np.concatenate(part) for part in zip(*scored, strict=True))
            found["auc"] = auc(labels, logits)
        return found

    def state_dict(self) -> dict[str, Any]:
        """The weights by name, on the CPU."""
        with UserCode():
            weights = self.model.state_dict()
        return {
            name: value.detach().cpu() if isinstance(value, Tensor) else value
            for name, value in weights.items()
        }

    def training_state(self) -> dict[str, Any]:
        """The state that later steps depend on, between two steps: tensors and plain values, not
        copied. It ends with the generators of the process."""
        with UserCode():
            return {
                "weights": self.model.state_dict(),
                "strays": [parameter.detach() for parameter in self._strays()],
                "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
                "stateful": [_state_of(each) for each in self._stateful],
                "batches": self._batches.state(),
                "samples": self.sampled.state(),
                "generators": generators_state(self.device),
            }

    def load_training_state(self, state: dict[str, Any]) -> None:
        """Restores ``state`` from :meth:`training_state` of a step of the same job. Call it right
        after this step is made, before anything draws a random number."""
        self._batches.load_state(state["batches"])
        if "samples" in state:  # checkpoints of earlier releases have none
            self.sampled.load_state(state["samples"])
        with UserCode(), torch.no_grad():
            self.model.load_state_dict(state["weights"])
            for parameter, saved in zip(self._strays(), state["strays"], strict=True):
                parameter.copy_(saved)
            # Copies: what is loaded may be kept as it is, and ``state`` lie in a mapped file.
            for optimizer, held in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(deepcopy(held))
            for each, held in zip(self._stateful, state["stateful"], strict=True):
                _set_state(each, deepcopy(held))
        set_generators(state["generators"], self.device)

    def _strays(self) -> list[Tensor]:
        """The parameters of the optimizers that are not the module's."""
        own = {id(parameter) for parameter in self.model.parameters()}
        return [parameter for parameter in self.parameters if id(parameter) not in own]

    def bytes_by_use(self) -> dict[str, int]:
        """The bytes that the step holds between steps, once one has run: ``parameter_bytes``
        (buffers included), ``gradient_bytes``, ``optimizer_bytes``."""
        if self.last_loss is None:
            raise RuntimeError("no step has run yet")
        return {
            "parameter_bytes": stored_bytes([*self.parameters, *self.model.buffers()]),
            "gradient_bytes": stored_bytes([parameter.grad for parameter in self.parameters]),
            "optimizer_bytes": stored_bytes([list(o.state.values()) for o in self.optimizers]),
        }

    def _on_device(self, batch: Any) -> Any:
        return batch if self.device.type == "cpu" else moved(batch, self.device)

    def _check_loss(self, loss: Any) -> None:
        if isinstance(loss, Tensor) and loss.numel() == 1 and loss.requires_grad:
            return
        allowed = "one number, a tensor of shape []"
        if not isinstance(loss, Tensor):
            found = f"{type(loss).__name__}, not a tensor"
        elif loss.numel() != 1:
            found = f"a tensor of shape {list(loss.shape)} (.mean() makes one number of it)"
        else:
            found = "a number without a gradient"
            allowed = "one that depends on the module's parameters (no .detach(), no no_grad)"
        raise RunFailed(f"{self.job.model}: loss returned {found}; allowed: {allowed}")

    def _scores(self, predicted: Any) -> tuple[Any, Any]:
        """Labels and logits as flat arrays."""
        allowed = "(labels, logits), two tensors of as many numbers"
        if not isinstance(predicted, (tuple, list)) or len(predicted) != 2:
            found = f"{type(predicted).__name__}"
        elif not all(isinstance(part, Tensor) for part in predicted):
            found = f"({', '.join(type(part).__name__ for part in predicted)})"
        elif predicted[0].numel() != predicted[1].numel():
            found = f"tensors of shape {list(predicted[0].shape)} and {list(predicted[1].shape)}"
        else:
            labels, logits = (part.detach().float().cpu().flatten() for part in predicted)
            strange = labels[(labels != 0) & (labels != 1)]
            if not strange.numel():
                return labels.numpy(), logits.numpy()
            found, allowed = f"a label {float(strange[0]):g}", "labels that are 0 or 1"
        raise RunFailed(f"{self.job.model}: predict returned {found}; allowed: {allowed}")


def samples_of(batch: Any) -> int:
    """The number of samples in ``batch``: the first length of its first tensor that has one."""
    return next((int(t.shape[0]) for t in tensors_in(batch) if t.dim()), 1)


def _state_of(holder: Any) -> Any:
    return holder.get_state() if isinstance(holder, torch.Generator) else holder.state_dict()


def _set_state(holder: Any, state: Any) -> None:
    if isinstance(holder, torch.Generator):
        holder.set_state(state)
    else:
        holder.load_state_dict(state)
