"""Records the operators of a step with their shapes, and checks that every step runs the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from rmixer.testing.failures import ChangingOperators
from rmixer.testing.training_check import check_finite
from rmixer.training.nested import tensors_in
from rmixer.training.own_step import OwnStep

_STEPS = 20
"""Steps of small batches; a profile sees hundreds of steps."""
_WHY = (
    "so that a step could not be captured in a CUDA graph; it trains and is profiled all the same"
)


def check_shapes(step: OwnStep) -> list[str]:
    """Notes about shapes that change from step to step and values that are read back. Raises
    :class:`~rmixer.testing.WrongLoss` for a loss that is not finite, and :class:`ChangingOperators`
    if the operators change, since times by operator then have no meaning."""
    batches: list[tuple[tuple[int, ...], ...]] = []
    steps: list[list[Call]] = []
    read: dict[str, list[str]] = {}
    for number in range(step.job.steps + 1, step.job.steps + _STEPS + 1):
        step.load()
        step.copy()
        batches.append(tuple(tuple(tensor.shape) for tensor in tensors_in(step.batch)))
        forward, loss = recorded(step.forward)
        check_finite(step, number)
        backward, _ = recorded(lambda loss=loss: step.backward(loss))  # type: ignore[misc]
        optimizer, _ = recorded(step.optimize)
        steps.append([*forward, *backward, *optimizer])
        phases = {"forward": forward, "backward": backward, "optimizer": optimizer}
        read = {phase: read_backs(calls) for phase, calls in phases.items()}
    _check_operators(steps, step.job.model)
    notes = []
    if len(set(batches)) > 1:
        notes.append(f"batches change their shapes ({_first_two(batches)}), {_WHY}")
    elif any(calls != steps[0] for calls in steps):
        pairs = zip(steps[0], next(calls for calls in steps if calls != steps[0]), strict=True)
        name = next(one.name for one, other in pairs if one != other)
        notes.append(f"shapes change from step to step, first in {name}, {_WHY}")
    for phase, names in read.items():
        if names:
            notes.append(f"{phase} reads values back ({', '.join(names)}), {_WHY}")
    return notes


def _check_operators(steps: list[list[Call]], model: str) -> None:
    names = [[call.name for call in calls] for calls in steps]
    for other in names[1:]:
        if other == names[0]:
            continue
        pairs = enumerate(zip(names[0], other, strict=False))
        at = next((i for i, (a, b) in pairs if a != b), min(len(names[0]), len(other)))
        first, second = (_at(found, at) for found in (names[0], other))
        raise ChangingOperators(
            f"{model}: not every step runs the same operators: where one runs {first}, another "
            f"runs {second}. Then times cannot be split by operator. Let a step not depend on "
            "values or on its number (torch.where instead of if, a fixed length instead of a loop)"
        )


def _at(names: list[str], index: int) -> str:
    return names[index] if index < len(names) else "nothing more"


def _first_two(batches: list[tuple[tuple[int, ...], ...]]) -> str:
    one = batches[0]
    other = next(shapes for shapes in batches if shapes != one)
    return f"{[list(shape) for shape in one]}, then {[list(shape) for shape in other]}"


READS_BACK = frozenset(
    f"aten::{name}"
    for name in (
        *("_local_scalar_dense", "_unique", "_unique2", "equal", "is_nonzero", "item"),
        *("masked_select", "nonzero", "repeat_interleave", "unique_consecutive", "unique_dim"),
        *("_coalesce", "bincount"),
    )
)
"""Operators that read a value back to Python, or whose output's shape depends on values."""
MASKED = "aten::index with a boolean mask"
_INDEX = ("aten::index", "aten::index_put", "aten::index_put_")


@dataclass(frozen=True)
class Call:
    """One operator, with the shapes of its tensor arguments and results."""

    name: str
    shapes: tuple[tuple[int, ...], ...]


class Recorder(TorchDispatchMode):
    """Records every operator that runs while it is active."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func._schema.name
        if name in _INDEX and any(i is not None and i.dtype is torch.bool for i in args[1]):
            name = MASKED
        results = result if isinstance(result, (list, tuple)) else (result,)
        given = (*args, *(kwargs or {}).values(), *results)
        shapes = tuple(tuple(value.shape) for value in given if isinstance(value, Tensor))
        self.calls.append(Call(name, shapes))
        return result


def recorded(phase: Callable[[], Any]) -> tuple[list[Call], Any]:
    """The operators of one phase, and its return value."""
    with Recorder() as recorder:
        result = phase()
    return recorder.calls, result


def read_backs(calls: list[Call]) -> list[str]:
    """The names among ``calls`` that cannot be captured, each once."""
    found = (call.name for call in calls if call.name in READS_BACK or call.name == MASKED)
    return list(dict.fromkeys(found))
