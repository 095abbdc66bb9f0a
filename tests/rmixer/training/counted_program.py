"""Ways to train, one after the other: each is announced with the steps that it makes, before and
after it, and is counted by what watches this program."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.optim import _apply_optimizer_in_backward
from torch.utils.data import DataLoader, TensorDataset

WAYS: list[tuple[str, int, Callable[[], None]]] = []
SAMPLES = torch.ones(8, 4)


def way(steps: int) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """A way to train that makes so many steps."""

    def note(train: Callable[[], None]) -> Callable[[], None]:
        WAYS.append((train.__name__, steps, train))
        return train

    return note


def sgd(layer: nn.Module, **settings: Any) -> torch.optim.SGD:
    return torch.optim.SGD(layer.parameters(), lr=0.01, **settings)


def back(layer: nn.Module, samples: Tensor = SAMPLES) -> None:
    layer(samples).sum().backward()


class Careful(torch.optim.SGD):
    """An optimizer of one's own on top of torch's."""

    def step(self, closure: Any = None) -> Any:
        return super().step(closure)


class Around(torch.optim.Optimizer):
    """An optimizer that has another one make its steps."""

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        super().__init__(inner.param_groups, {})
        self.inner = inner

    def step(self, closure: Any = None) -> Any:
        return self.inner.step(closure)


@way(steps=7)
def one_optimizer() -> None:
    layer = nn.Linear(4, 1)
    optimizer = sgd(layer)
    for _ in range(7):
        optimizer.zero_grad()
        back(layer)
        optimizer.step()


@way(steps=5)
def two_optimizers() -> None:
    layers = [nn.Linear(4, 4), nn.Linear(4, 1)]
    optimizers = [sgd(layer) for layer in layers]
    for _ in range(5):
        back(nn.Sequential(*layers))
        for optimizer in optimizers:
            optimizer.step()


@way(steps=12)
def critic_and_generator() -> None:
    critic, generator = nn.Linear(4, 1), nn.Linear(4, 1)
    critics, generators = sgd(critic), sgd(generator)
    for _ in range(4):
        for _ in range(3):
            back(critic)
            critics.step()
        back(generator)
        generators.step()


def overflow_every_other_time(**settings: Any) -> None:
    """Six steps; the scaler leaves out what three of them would change."""
    layer = nn.Linear(4, 1)
    optimizer, scaler = sgd(layer, **settings), torch.amp.GradScaler("cpu")
    for index in range(6):
        optimizer.zero_grad()
        factor = float("inf") if index % 2 else 1.0
        scaler.scale(layer(SAMPLES).sum() * factor).backward()
        scaler.step(optimizer)
        scaler.update()


@way(steps=6)
def scaler_that_skips() -> None:
    overflow_every_other_time()


@way(steps=6)
def scaler_that_skips_and_fused() -> None:
    overflow_every_other_time(fused=True)


@way(steps=4)
def scaler_and_fused() -> None:
    layer = nn.Linear(4, 1)
    optimizer, scaler = sgd(layer, fused=True), torch.amp.GradScaler("cpu")
    for _ in range(4):
        scaler.scale(layer(SAMPLES).sum()).backward()
        scaler.step(optimizer)
        scaler.update()


@way(steps=4)
def accumulated_gradients() -> None:
    layer = nn.Linear(4, 1)
    optimizer = sgd(layer)
    for index in range(12):
        back(layer)
        if index % 3 == 2:
            optimizer.step()


@way(steps=3)
def closures() -> None:
    layer = nn.Linear(4, 1)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=4)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = layer(SAMPLES).square().sum()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)


@way(steps=5)
def subclass_after_its_parent() -> None:
    layer = nn.Linear(4, 1)
    sgd(layer)
    optimizer = Careful(layer.parameters(), lr=0.01)
    for _ in range(5):
        back(layer)
        optimizer.step()


@way(steps=3)
def optimizer_around_another() -> None:
    layer = nn.Linear(4, 1)
    optimizer = Around(sgd(layer))
    for _ in range(3):
        back(layer)
        optimizer.step()


class Twice(Around):
    """One that has the other make two."""

    def step(self, closure: Any = None) -> Any:
        self.inner.step()
        return super().step(closure)


@way(steps=3)
def optimizer_that_has_another_step_twice() -> None:
    layer = nn.Linear(4, 1)
    optimizer = Twice(sgd(layer))
    for _ in range(3):
        back(layer)
        optimizer.step()


@way(steps=4)
def schedule_of_rates() -> None:
    layer = nn.Linear(4, 1)
    optimizer = sgd(layer)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    for _ in range(4):
        back(layer)
        optimizer.step()
        schedule.step()


@way(steps=5)
def made_anew_for_each_step() -> None:
    layer = nn.Linear(4, 1)
    for _ in range(5):
        optimizer = sgd(layer)
        back(layer)
        optimizer.step()


@way(steps=9)
def made_anew_after_three_steps() -> None:
    layer = nn.Linear(4, 1)
    for _ in range(3):
        optimizer = sgd(layer)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
        for _ in range(3):
            back(layer)
            optimizer.step()
            schedule.step()


@way(steps=4)
def two_made_anew_for_each_step() -> None:
    layers = [nn.Linear(4, 4), nn.Linear(4, 1)]
    for _ in range(4):
        optimizers = [sgd(layer) for layer in layers]
        back(nn.Sequential(*layers))
        for optimizer in optimizers:
            optimizer.step()


@way(steps=4)
def two_with_a_part_in_common_made_anew() -> None:
    table, heads = nn.Linear(4, 4), [nn.Linear(4, 1) for _ in range(2)]
    for _ in range(4):
        for optimizer in [sgd(nn.Sequential(table, head)) for head in heads]:
            back(nn.Sequential(table, heads[0]))
            optimizer.step()


def fold() -> None:
    layer = nn.Linear(4, 1)
    optimizer = sgd(layer)
    for _ in range(3):
        back(layer)
        optimizer.step()


@way(steps=15)
def model_made_anew_for_each_fold() -> None:
    for _ in range(5):
        fold()


@way(steps=6)
def more_and_more_of_it() -> None:
    layers = [nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 1)]
    for first in (2, 1, 0):
        optimizer = sgd(nn.Sequential(*layers[first:]))
        for _ in range(2):
            back(nn.Sequential(*layers))
            optimizer.step()


@way(steps=3)
def step_that_fails_once() -> None:
    layer = nn.Linear(4, 1)
    optimizer = sgd(layer)

    def fails() -> float:
        raise ArithmeticError

    with contextlib.suppress(ArithmeticError):
        optimizer.step(fails)
    for _ in range(3):
        back(layer)
        optimizer.step()


@way(steps=5)
def child_that_steps_too() -> None:
    layer = nn.Linear(4, 1)
    optimizer = sgd(layer)
    back(layer)
    for _ in range(2):
        optimizer.step()
    child = os.fork()
    if not child:
        optimizer.step()
        os._exit(0)
    os.waitpid(child, 0)
    for _ in range(3):
        optimizer.step()


def in_backward(layers: list[nn.Module]) -> None:
    for layer in layers:
        settings = {"lr": 0.01}
        _apply_optimizer_in_backward(torch.optim.SGD, layer.parameters(), settings)


@way(steps=30)
def optimizers_within_the_backward_pass() -> None:
    """Of which some are missing in two thirds of the steps, others each time."""
    shared, heads = nn.Linear(4, 4), [nn.Linear(4, 1) for _ in range(3)]
    in_backward([shared, *heads])
    for step in range(30):
        back(nn.Sequential(shared, heads[step % 3]))


@way(steps=9)
def some_within_the_backward_pass_and_one_outside() -> None:
    table, heads = nn.Linear(4, 4), [nn.Linear(4, 1) for _ in range(3)]
    in_backward([*heads])
    optimizer = sgd(table)
    for step in range(9):
        outputs = [head(table(SAMPLES)).sum() for head in (heads[0], heads[1 + step % 2])]
        torch.stack(outputs).sum().backward()
        optimizer.step()


@way(steps=5)
def two_models_each_within_its_backward_pass() -> None:
    """In turn: a step is a round of both."""
    layers = [nn.Linear(4, 1), nn.Linear(4, 1)]
    for layer in layers:
        in_backward([layer])
    for _ in range(5):
        for layer in layers:
            back(layer)


FUSED = """
import torch
from torch import nn

class Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx, ids, table):
        ctx.ids, ctx.table = ids, table
        return table.detach()[ids]

    @staticmethod
    def backward(ctx, gradient):
        ctx.table.data.index_add_(0, ctx.ids, gradient, alpha=-0.1)
        return None, None

class SplitTableBatchedEmbeddingBagsCodegen(nn.Module):
    def __init__(self, optimizer="EXACT_SGD"):
        super().__init__()
        self.optimizer, self.table = optimizer, nn.Parameter(torch.ones(10, 4))

    def forward(self, ids):
        return Lookup.apply(ids, self.table)
"""


def fused_tables(optimizer: str = "EXACT_SGD") -> nn.Module:
    """Of a module that stands for fbgemm's, which updates its rows within the backward pass."""
    if "fbgemm_gpu" not in sys.modules:
        package = Path(tempfile.mkdtemp()) / "fbgemm_gpu"
        package.mkdir()
        (package / "__init__.py").write_text("")
        name = "split_table_batched_embeddings_ops_training.py"
        (package / name).write_text(FUSED)
        sys.path.append(str(package.parent))
    module = importlib.import_module("fbgemm_gpu.split_table_batched_embeddings_ops_training")
    made: nn.Module = module.SplitTableBatchedEmbeddingBagsCodegen(optimizer)
    return made


@way(steps=7)
def tables_that_update_themselves() -> None:
    """Looked up twice in each step; a pass without gradients is no step."""
    tables = fused_tables()
    for _ in range(7):
        (tables(torch.tensor([1, 2])).sum() + tables(torch.tensor([3])).sum()).backward()
        with torch.no_grad():
            tables(torch.tensor([1]))


@way(steps=6)
def tables_that_update_themselves_and_an_optimizer() -> None:
    tables, layer = [fused_tables(), fused_tables()], nn.Linear(4, 1)
    optimizer = sgd(layer)
    for _ in range(6):
        back(layer, sum(table(torch.tensor([1, 2])) for table in tables))
        optimizer.step()


@way(steps=4)
def tables_that_leave_it_to_an_optimizer() -> None:
    """Gradients of two batches."""
    tables, layer = fused_tables("NONE"), nn.Linear(4, 1)
    optimizer = sgd(layer)
    for _ in range(4):
        for _ in range(2):
            back(layer, tables(torch.tensor([1, 2])))
        optimizer.step()


@way(steps=4)
def loader_with_a_worker() -> None:
    layer = nn.Linear(4, 1)
    optimizer = sgd(layer)
    for (samples,) in DataLoader(TensorDataset(torch.ones(8, 4)), batch_size=2, num_workers=1):
        back(layer, samples)
        optimizer.step()


def announced() -> Iterator[dict[str, Any]]:
    """Every way, run: its name, its steps, and when it began and ended."""
    for name, steps, train in WAYS:
        begin_s = time.monotonic()
        train()
        yield {"name": name, "steps": steps, "begin_s": begin_s, "end_s": time.monotonic()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(list(announced())))
