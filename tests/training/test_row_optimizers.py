"""Row-sparse updates against torch.optim on sparse gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from rmixer.training.row_optimizers import make_row_optimizer

ROWS, DIM, N, STEPS = 40, 5, 64, 20
REFERENCE: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.SparseAdam,
}


@pytest.mark.parametrize("lr", [0.001, 0.1])
@pytest.mark.parametrize("kind", ["sgd", "adagrad", "adam"])
def test_equals_torch_optim_on_repeated_ids(kind: str, lr: float) -> None:
    random = torch.Generator().manual_seed(3)
    start = torch.randn(ROWS, DIM, generator=random)
    ours, theirs = start.clone(), torch.nn.Parameter(start.clone())
    optimizer = make_row_optimizer(kind, ours, lr)
    reference = REFERENCE[kind]([theirs], lr=lr)
    for _ in range(STEPS):
        # Squared uniforms: some ids many times, others never.
        ids = (torch.rand(N, generator=random).square() * (ROWS - 5)).long()
        gradients = torch.randn(N, DIM, generator=random)
        assert len(ids.unique()) < N
        optimizer.step(ids, gradients)
        theirs.grad = torch.sparse_coo_tensor(
            ids.unsqueeze(0), gradients, (ROWS, DIM), check_invariants=True
        )
        reference.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-6, atol=1e-6)
    assert torch.equal(ours[-5:], start[-5:]), "rows that no batch names stay as they are"
    assert (ours[:5] - start[:5]).abs().max() > lr / 10


def test_batches_may_change_their_length() -> None:
    table = torch.zeros(10, 2)
    optimizer = make_row_optimizer("adagrad", table, lr=1.0)
    optimizer.step(torch.tensor([1, 1, 2]), torch.ones(3, 2))
    optimizer.step(torch.tensor([3]), torch.ones(1, 2))
    # The first step of Adagrad is the sign of the gradient times the rate.
    torch.testing.assert_close(table[:4, 0], torch.tensor([0.0, -1.0, -1.0, -1.0]))


def test_state_is_counted() -> None:
    table = torch.zeros(100, 8)
    held = {kind: make_row_optimizer(kind, table, 0.1).state_bytes for kind in REFERENCE}
    assert held["sgd"] == 0
    assert held["adam"] - held["adagrad"] == table.nbytes + 8, "one moment more, and a counter"
    assert held["adagrad"] >= table.nbytes
