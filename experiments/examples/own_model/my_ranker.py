"""A user's own click model: embeddings of users and items below a small network."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

from rmixer.own_model import OwnModel
from rmixer.workload import Job

USERS, ITEMS, WIDTH = 5_000, 1_000, 32


class Ranker(nn.Module):
    """The network: a row for the user and one for the item, then two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(n, WIDTH, sparse=True) for n in (USERS, ITEMS))
        self.top = nn.Sequential(nn.Linear(2 * WIDTH, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, ids: Tensor) -> Tensor:
        rows = [table(column) for table, column in zip(self.tables, ids.T, strict=True)]
        scores: Tensor = self.top(torch.cat(rows, dim=1))
        return scores.squeeze(1)


def clicks(samples: int, seed: int) -> TensorDataset:
    """Synthetic clicks. Read your own data here instead; job.data is the workload's entry for
    it."""
    draw = torch.Generator().manual_seed(seed)
    ids = torch.stack([torch.randint(n, (samples,), generator=draw) for n in (USERS, ITEMS)], 1)
    chance = torch.sigmoid(3 * torch.sin(ids[:, 1].float()))  # some items please everyone
    return TensorDataset(ids, torch.bernoulli(chance, generator=draw))


def loss(module: nn.Module, batch: list[Tensor]) -> Tensor:
    """The mean cross-entropy of the clicks."""
    return binary_cross_entropy_with_logits(module(batch[0]), batch[1])


def build(job: Job) -> OwnModel:
    """The model with its batches, loss and optimizer, as RMixer trains it."""
    model = Ranker()
    return OwnModel(
        module=model,
        batches=DataLoader(clicks(50_000, job.seed), job.batch, shuffle=True, drop_last=True),
        loss=loss,
        optimizers=[
            torch.optim.SparseAdam(model.tables.parameters(), lr=job.lr),
            torch.optim.Adam(model.top.parameters(), lr=job.lr),
        ],
        held_out=DataLoader(clicks(5_000, seed=1), job.batch),
        predict=lambda module, batch: (batch[1], module(batch[0])),
    )
