"""A job of a user's own model that goes on in a fresh process, for all kinds of batches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rmixer.errors import RunFailed
from rmixer.own_model import OwnModel
from rmixer.training.checkpoint import save_checkpoint
from rmixer.training.make_step import make_step
from rmixer.training.own_step import OwnStep
from rmixer.training.process import WorkerProcess
from rmixer.user_code.own_module import own_sources, source_hash
from rmixer.workload.workload import Job

STEPS, STOP_AFTER = 19, 13
"""Five batches a pass: the job stops in the middle of its third one."""

MODULE = '''
import random
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from rmixer.own_model import OwnModel

class Net(nn.Module):
    """Draws from every generator of the process."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(12, 5, sparse=True)
        self.top = nn.Sequential(nn.Dropout(0.2), nn.BatchNorm1d(5), nn.Linear(5, 1))

    def forward(self, ids):
        noise = random.random() + np.random.rand()
        return self.top(self.words(ids).sum(1) * noise).squeeze(1)

class Noisy(Dataset):
    """Its samples are drawn anew whenever they are read, in whichever process."""

    def __init__(self, rows): self.rows = rows
    def __len__(self): return len(self.rows)
    def __getitem__(self, index):
        ids, label = self.rows[index]
        return (ids + torch.randint(2, (2,))) % 12, label

class Places:
    """Knows its place, and draws what no pass could be started again with."""

    def __init__(self, rows): self.rows, self.next, self.order = rows, 0, random.Random(1)
    def __iter__(self):
        while True:
            at = self.order.randrange(18)
            yield self.rows[at : at + 4]
    def state_dict(self): return {"order": self.order.getstate()}
    def load_state_dict(self, state): self.order.setstate(state["order"])

def rows():
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(12, (22, 2), generator=draw)
    return TensorDataset(ids, (ids.sum(1) > 11).float())

def batches(kind, batch):
    more = {"batch_size": batch, "shuffle": True, "drop_last": True}
    if kind == "own generator":
        return DataLoader(rows(), **more, generator=torch.Generator().manual_seed(4))
    if kind == "drawn in this process":
        return DataLoader(Noisy(rows()), **more)
    if kind == "drawn in workers":
        return DataLoader(Noisy(rows()), **more, num_workers=2)
    if kind == "workers that stay":
        return DataLoader(rows(), **more, num_workers=1, persistent_workers=True)
    if kind == "places":
        return Places(rows())
    if kind == "list":
        return list(DataLoader(rows(), **more))
    return DataLoader(rows(), **more)

def build(job):
    net = Net()
    top = torch.optim.AdamW(net.top.parameters(), lr=job.lr)
    schedule = torch.optim.lr_scheduler.StepLR(top, 3, 0.7)
    top.register_step_post_hook(lambda *_: schedule.step())

    def loss(net, batch):
        return nn.functional.binary_cross_entropy_with_logits(net(batch[0]), batch[1])

    sparse = torch.optim.SparseAdam(net.words.parameters(), lr=job.lr)
    return OwnModel(net, batches(job.data, job.batch), loss, [sparse, top], stateful=[schedule])
'''

KINDS = (
    "shuffled",
    "own generator",
    "drawn in this process",
    "drawn in workers",
    "workers that stay",
    "places",
    "list",
)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "resumed_net.py").write_text(MODULE)
    source = source_hash(own_sources("resumed_net", folder), folder)
    job = Job("job", "resumed_net:build", STEPS, 4, "adam", 0.05, seed=3)
    return replace(job, module_root=str(folder), source=source)


@pytest.fixture(scope="module")
def fresh() -> Iterator[WorkerProcess]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        process = WorkerProcess((min(os.sched_getaffinity(0)),))
    with process:
        yield process


@pytest.mark.parametrize("kind", KINDS)
def test_it_ends_with_the_same_weights(
    fresh: WorkerProcess, job: Job, kind: str, tmp_path: Path
) -> None:
    job, path, weights = replace(job, data=kind), tmp_path / "job.ckpt", tmp_path / "weights"
    whole = make_step(job)
    for number in range(STEPS):
        if number == STOP_AFTER:
            save_checkpoint(path, number, whole.training_state())
        whole.run()
    places = {"path": str(path), "save_to": str(weights)}
    assert fresh.call("worker_tasks:go_on", job=job, **places) == whole.loss()
    expected, found = whole.state_dict(), torch.load(weights, weights_only=True)
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        assert torch.equal(values, found[name]), name


def test_data_that_became_fewer_are_told() -> None:
    def build(batches: int) -> Any:
        def made(_: Job) -> OwnModel:
            net = torch.nn.Linear(1, 1)
            rows = [torch.ones(2, 1)] * batches
            optimizer = torch.optim.SGD(net.parameters())
            return OwnModel(net, rows, lambda net, batch: net(batch).mean(), optimizer)

        return made

    job = Job("job", "net:build", 9, 2, "sgd", 0.1, seed=0)
    step = OwnStep(job, build(5))
    for _ in range(9):
        step.run()
    with pytest.raises(RunFailed, match="batches gave 3 when started again, and 4 had been taken"):
        OwnStep(job, build(3)).load_training_state(step.training_state())
