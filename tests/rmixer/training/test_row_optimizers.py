"""Row-sparse updates against torch.optim on sparse gradients, NumPy and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rmixer.training import row_optimizer
from rmixer.training.row_optimizers import OPTIMIZER_KINDS, make_row_optimizer
from rmixer.workload.workload import OPTIMIZERS

ROWS, STEPS = 40, 20
# Rows that no batch names.
UNUSED = 5
REFERENCE: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.SparseAdam,
}
PATTERNS: dict[str, Callable[[Tensor], Tensor]] = {
    "one id": lambda uniform: torch.full_like(uniform, 0.3),
    "spread": lambda uniform: uniform,
    # Some ids many times, others never.
    "skewed": torch.square,
}

EXACT = 1 << 19


def batches(n: int, dim: int, pattern: str, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Ids [n] and gradients [n, dim] of each step, as small as those of a mean loss: multiples of
    2^-19, whose sums are the same in any order."""
    random = torch.Generator().manual_seed(seed)
    steps = []
    for _ in range(STEPS):
        uniform = PATTERNS[pattern](torch.rand(n, generator=random))
        ids = (uniform * (ROWS - UNUSED)).long()
        gradients = (torch.randn(n, dim, generator=random) * EXACT / 8).round() / EXACT
        steps.append((ids, gradients))
    return steps


def sparse_torch(
    kind: str, start: Tensor, steps: list[tuple[Tensor, Tensor]], **given: Any
) -> Tensor:
    """The table after torch.optim's steps on sparse gradients."""
    theirs = torch.nn.Parameter(start.clone())
    reference = REFERENCE[kind]([theirs], **given)
    for ids, gradients in steps:
        theirs.grad = torch.sparse_coo_tensor(
            ids.unsqueeze(0), gradients, theirs.shape, check_invariants=True
        )
        reference.step()
    return theirs.detach()


@given(
    kind=st.sampled_from(sorted(REFERENCE)),
    # Odd, even, multiples of four: rows are copied as elements of 4, 8 and 16 bytes.
    dim=st.sampled_from([1, 2, 3, 4, 6, 8, 9, 16, 40, 64]),
    n=st.sampled_from([1, 2, 7, 64, 200]),
    pattern=st.sampled_from(sorted(PATTERNS)),
    lr=st.sampled_from([0.001, 0.1]),
    seed=st.integers(0, 1000),
)
def test_equals_torch_optim_on_repeated_ids(
    kind: str, dim: int, n: int, pattern: str, lr: float, seed: int
) -> None:
    start = torch.randn(ROWS, dim, generator=torch.Generator().manual_seed(seed + 1))
    steps = batches(n, dim, pattern, seed)
    ours = start.clone()
    optimizer = make_row_optimizer(kind, ours, lr)
    for ids, gradients in steps:
        optimizer.step(ids, gradients)
    theirs = sparse_torch(kind, start, steps, lr=lr)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    named = torch.cat([ids for ids, _ in steps]).unique()
    untouched = torch.ones(ROWS, dtype=torch.bool)
    untouched[named] = False
    assert torch.equal(ours[untouched], start[untouched])
    assert (ours[named] != start[named]).any(1).all()


@pytest.mark.parametrize(
    ("kind", "given_to_us", "given_to_torch"),
    [
        ("adagrad", {"epsilon": 0.1}, {"eps": 0.1}),
        ("adagrad", {"initial_accumulator": 2.0}, {"initial_accumulator_value": 2.0}),
        ("adam", {"epsilon": 0.1}, {"eps": 0.1}),
        ("adam", {"betas": (0.5, 0.9)}, {"betas": (0.5, 0.9)}),
    ],
)
def test_settings_mean_what_they_mean_in_torch(
    kind: str, given_to_us: dict[str, Any], given_to_torch: dict[str, Any]
) -> None:
    start, steps = torch.zeros(ROWS, 6), batches(64, 6, "skewed", seed=5)
    ours = start.clone()
    optimizer = make_row_optimizer(kind, ours, 0.01, **given_to_us)
    for ids, gradients in steps:
        optimizer.step(ids, gradients)
    theirs = sparse_torch(kind, start, steps, lr=0.01, **given_to_torch)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    assert (theirs - sparse_torch(kind, start, steps, lr=0.01)).abs().max() > 1e-3


@pytest.mark.parametrize("dim", [1, 6, 16])
@pytest.mark.parametrize("initial", [0.0, 0.5])
def test_rowwise_adagrad_keeps_one_mean_of_squares_a_row(dim: int, initial: float) -> None:
    table = torch.ones(ROWS, dim)
    optimizer = make_row_optimizer(
        "rowwise_adagrad", table, 0.1, epsilon=1e-6, initial_accumulator=initial
    )
    rows, state = np.ones((ROWS, dim)), np.full(ROWS, initial)
    for ids, gradients in batches(64, dim, "skewed", seed=9):
        optimizer.step(ids, gradients)
        gradient = np.zeros((ROWS, dim))
        np.add.at(gradient, ids.numpy(), gradients.numpy())
        state += (gradient**2).mean(axis=1)
        rows -= 0.1 * gradient / (np.sqrt(state)[:, None] + 1e-6)
    np.testing.assert_allclose(table.numpy(), rows, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "reference_of", "settings"),
    [
        ("adamw", torch.optim.AdamW, {"weight_decay": 0.3}),
        ("adam", torch.optim.Adam, {"weight_decay": 0.3}),
        ("adagrad", torch.optim.Adagrad, {"weight_decay": 0.3}),
        ("sgd", torch.optim.SGD, {"weight_decay": 0.3}),
        ("sgd", torch.optim.SGD, {"momentum": 0.8}),
        ("sgd", torch.optim.SGD, {"momentum": 0.8, "weight_decay": 0.3}),
    ],
)
def test_it_is_torchs_when_every_batch_names_every_row(
    kind: str, reference_of: Any, settings: dict[str, float]
) -> None:
    random = torch.Generator().manual_seed(2)
    ours = torch.randn(ROWS, 5, generator=random)
    theirs = torch.nn.Parameter(ours.clone())
    optimizer = make_row_optimizer(kind, ours, 0.01, **settings)
    reference = reference_of([theirs], lr=0.01, **settings)
    ids = torch.arange(2 * ROWS) % ROWS
    for _ in range(STEPS):
        gradients = torch.randn(2 * ROWS, 5, generator=random)
        optimizer.step(ids, gradients)
        theirs.grad = gradients[:ROWS] + gradients[ROWS:]
        reference.step()
    # The two differ in where ε = 1e-8 is added.
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-5)


def test_a_workload_may_name_each_kind_and_no_other() -> None:
    assert sorted(OPTIMIZER_KINDS) == sorted(OPTIMIZERS)


def test_adamw_decays_a_row_once_a_step_and_only_rows_of_the_batch() -> None:
    table = torch.ones(4, 3)
    optimizer = make_row_optimizer("adamw", table, 0.5, weight_decay=0.2)
    for _ in range(2):
        optimizer.step(torch.tensor([1, 1, 1, 2]), torch.zeros(4, 3))
    torch.testing.assert_close(table[:, 0], torch.tensor([1.0, 0.81, 0.81, 1.0]))


def test_momentum_of_a_row_stays_while_no_batch_names_it() -> None:
    """By hand: velocities 1, 1.5 and 1.75 of the row that each batch names; the other row's
    stays at 1 between the first step and the third."""
    table = torch.zeros(3, 2)
    optimizer = make_row_optimizer("sgd", table, 0.1, momentum=0.5)
    for ids in ([0, 1], [0, 0], [0, 1]):
        optimizer.step(torch.tensor(ids), torch.ones(2, 2) / (2 if ids == [0, 0] else 1))
    expected = torch.tensor([-0.1 * (1 + 1.5 + 1.75), -0.1 * (1 + 1.5), 0.0])
    torch.testing.assert_close(table, expected.unsqueeze(1).expand(3, 2))


@pytest.mark.parametrize("settings", [{"momentum": 0.9}, {"weight_decay": 0.2}])
def test_rows_out_of_the_batch_stay_as_they_are(settings: dict[str, float]) -> None:
    table = torch.ones(ROWS, 4)
    optimizer = make_row_optimizer("sgd", table, 0.1, **settings)
    for ids, gradients in batches(64, 4, "spread", seed=3):
        optimizer.step(ids, gradients)
    assert torch.equal(table[ROWS - UNUSED :], torch.ones(UNUSED, 4))
    assert (table[: ROWS - UNUSED] != 1).any(1).all()


WITH_SETTINGS = [
    *((kind, {}) for kind in OPTIMIZER_KINDS),
    ("sgd", {"momentum": 0.9, "weight_decay": 0.1}),
    ("sgd", {"weight_decay": 0.1}),
    ("adam", {"weight_decay": 0.1}),
    ("rowwise_adagrad", {"weight_decay": 0.1}),
]


@pytest.mark.parametrize("chunk_rows", [1, 3])
@pytest.mark.parametrize(("kind", "settings"), WITH_SETTINGS)
def test_chunks_change_nothing(
    kind: str, settings: dict[str, float], chunk_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With chunks of a few rows most lie beyond the last row that the batch has."""
    whole, chunked = (torch.ones(ROWS, 6) for _ in range(2))
    steps = batches(64, 6, "skewed", seed=0)
    for table in (whole, chunked):
        optimizer = make_row_optimizer(kind, table, 0.1, **settings)
        for ids, gradients in steps:
            optimizer.step(ids, gradients)
        monkeypatch.setattr(row_optimizer, "CHUNK_BYTES", 4 * 6 * chunk_rows)
    torch.testing.assert_close(chunked, whole, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", OPTIMIZER_KINDS)
def test_gradients_may_be_expanded_or_transposed(kind: str) -> None:
    ids = torch.tensor([3, 3, 0, 7])
    results = []
    for view in (torch.randn(1, 8).expand(4, 8), torch.randn(8, 4).t()):
        for gradients in (view, view.contiguous()):
            table = torch.zeros(ROWS, 8)
            make_row_optimizer(kind, table, 0.1).step(ids, gradients)
            results.append(table)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[2], results[3])
    assert not torch.equal(results[0], results[2])


def test_batches_may_change_their_length() -> None:
    table = torch.zeros(10, 2)
    optimizer = make_row_optimizer("adagrad", table, lr=1.0)
    optimizer.step(torch.tensor([1, 1, 2]), torch.ones(3, 2))
    optimizer.step(torch.tensor([3]), torch.ones(1, 2))
    # The first step of Adagrad is the sign of the gradient times the rate.
    torch.testing.assert_close(table[:4, 0], torch.tensor([0.0, -1.0, -1.0, -1.0]))


def test_state_is_counted() -> None:
    rows, dim = 100, 8
    table = torch.zeros(rows, dim)
    made = {kind: make_row_optimizer(kind, table, 0.1) for kind in OPTIMIZER_KINDS}
    held = {kind: sum(state.nbytes for state in one.state) for kind, one in made.items()}
    # Adam also counts its steps and has their size, in eight bytes each.
    assert held == {
        "sgd": 0,
        "adagrad": 4 * rows * dim,
        "rowwise_adagrad": 4 * rows,
        "adam": 2 * 4 * rows * dim + 16,
        "adamw": 2 * 4 * rows * dim + 16,
    }


@pytest.mark.parametrize(
    ("kind", "given", "named"),
    [
        ("adadelta", {}, "adadelta"),
        ("sgd", {"epsilon": 1.0}, "epsilon"),
        ("adam", {"momentum": 0.1}, "momentum"),
        ("rowwise_adagrad", {"betas": (0.9, 0.99)}, "betas"),
    ],
)
def test_what_a_kind_does_not_have_is_refused(kind: str, given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make_row_optimizer(kind, torch.zeros(2, 2), 0.1, **given)
