"""Row optimizers against torch's on sparse gradients, with one table and with a table a field.

``python -m experiments.bench.row_optimizers [--kind KIND] [--dim DIM] [--batch BATCH]``
times look-up, its backward and the optimizer's step, by turns and on one thread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import click
import numpy as np
import torch
from torch import Tensor, nn

from rmixer.data.zipf import zipf_ranks
from rmixer.training.row_optimizers import make_row_optimizer

FIELDS, EXPONENT, LR = 26, 1.1, 0.01
# Sets of ids by turns, as long as the rounds last: a step does not find its rows in the cache.
ID_SETS = 16
TORCH_KINDS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.SparseAdam,
}
Step = Callable[[int], None]


def ours(kind: str, table: Tensor, ids: list[Tensor], gradient: Tensor) -> Step:
    """Rows gathered outside autograd, and a row optimizer."""
    optimizer = make_row_optimizer(kind, table, LR)

    def step(turn: int) -> None:
        rows = table.index_select(0, ids[turn]).requires_grad_()
        rows.backward(gradient)
        assert rows.grad is not None
        optimizer.step(ids[turn], rows.grad)

    return step


def torch_tables(kind: str, tables: list[Tensor], ids: list[Tensor], gradient: Tensor) -> Step:
    """``nn.Embedding(sparse=True)`` of each table, ids split evenly over them, field by field."""
    modules = [nn.Embedding.from_pretrained(t, freeze=False, sparse=True) for t in tables]
    optimizer = TORCH_KINDS[kind]([module.weight for module in modules], lr=LR)
    first, split = 0, []
    for table in tables:
        split.append([(part - first) for part in _parts(ids, first, first + len(table))])
        first += len(table)
    gradients = gradient.chunk(len(tables))

    def step(turn: int) -> None:
        optimizer.zero_grad(set_to_none=True)
        rows = [module(part[turn]) for module, part in zip(modules, split, strict=True)]
        torch.autograd.backward(rows, list(gradients))
        optimizer.step()

    return step


def _parts(ids: list[Tensor], first: int, end: int) -> list[Tensor]:
    return [found[(found >= first) & (found < end)] for found in ids]


def field_ids(rows: int, batch: int, seed: int) -> Tensor:
    """Ids [FIELDS x batch], one field after another, each in its own ``rows // FIELDS`` rows;
    frequent ids lie scattered over those rows."""
    rng, size = np.random.default_rng(seed), rows // FIELDS
    scattered = np.random.default_rng(0).permutation(size)
    drawn = [scattered[zipf_ranks(size, EXPONENT, rng, batch) - 1] for _ in range(FIELDS)]
    return torch.from_numpy(np.concatenate([d + f * size for f, d in enumerate(drawn)]))


def medians_ms(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """The median of each step's times, taken in turn; two rounds of warm-up are left out."""
    times_s: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 2):
        for name, step in steps.items():
            start_s = time.perf_counter()
            step(turn % ID_SETS)
            times_s[name].append(time.perf_counter() - start_s)
    return {name: statistics.median(found[2:]) * 1e3 for name, found in times_s.items()}


@click.command()
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(TORCH_KINDS)))
@click.option("--dim", "dims", multiple=True, type=click.IntRange(1), default=(1, 9, 16, 32, 64))
@click.option("--batch", "batches", multiple=True, type=click.IntRange(1), default=(128, 512, 2048))
@click.option("--rows", type=click.IntRange(FIELDS), default=1_000_000, show_default=True)
@click.option("--rounds", type=click.IntRange(2), default=20, show_default=True)
def main(
    kinds: tuple[str, ...], dims: tuple[int, ...], batches: tuple[int, ...], rows: int, rounds: int
) -> None:
    """Time all combinations."""
    torch.set_num_threads(1)
    rows -= rows % FIELDS
    click.echo("kind     dim  batch      ours  1 table  26 tables (ms)    x1   x26  noise")
    ratios: dict[str, list[float]] = {"one": [], "many": []}
    for kind in kinds or TORCH_KINDS:
        for dim in dims:
            table = torch.randn(rows, dim) * 0.01
            for batch in batches:
                ids = [field_ids(rows, batch, seed) for seed in range(ID_SETS)]
                gradient = torch.randn(FIELDS * batch, dim)
                parts = [part.clone() for part in table.chunk(FIELDS)]
                found = medians_ms(
                    {
                        "ours": ours(kind, table.clone(), ids, gradient),
                        "one": torch_tables(kind, [table.clone()], ids, gradient),
                        "many": torch_tables(kind, parts, ids, gradient),
                        # The same once more: by how much the two differ is noise.
                        "again": ours(kind, table.clone(), ids, gradient),
                    },
                    rounds,
                )
                noise = abs(found["again"] / found["ours"] - 1.0)
                for name, ratio in ratios.items():
                    ratio.append(found[name] / found["ours"])
                click.echo(
                    f"{kind:8} {dim:3}  {batch:5}  {found['ours']:8.2f} {found['one']:8.2f}  "
                    f"{found['many']:9.2f}      {ratios['one'][-1]:5.2f} {ratios['many'][-1]:5.2f}"
                    f"  {noise:5.0%}"
                )
    means = {name: statistics.geometric_mean(ratio) for name, ratio in ratios.items()}
    click.echo(f"geometric mean: {means['one']:.2f}x of one table, {means['many']:.2f}x of 26")


if __name__ == "__main__":
    main()
