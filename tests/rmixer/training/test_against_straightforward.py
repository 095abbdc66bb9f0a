"""Our step against one of torch's own embeddings and optimizers, with our network or a plain one:
the same weights and batches give the same losses."""

from __future__ import annotations

import pytest
from code_paths import CODE_PATHS

from experiments.bench.straightforward import NetworkKind, StraightforwardStep
from rmixer.models.registry import MODELS, model_entry
from rmixer.training.step import TrainingStep
from rmixer.workload.workload import Job

# An optimizer of each kind, without dropout, whose draws differ.
PLAIN = ("amazon_din", "alidisplay_dmr", "dien")


@pytest.mark.parametrize(
    ("model", "network"),
    [
        *((model, "shared") for model in CODE_PATHS),
        *((model, "plain") for model in PLAIN),
        *(
            pytest.param(model, "shared", marks=pytest.mark.every_model)
            for model in MODELS
            if model not in CODE_PATHS
        ),
    ],
)
def test_the_losses_of_five_steps_are_the_same(model: str, network: NetworkKind) -> None:
    entry = model_entry(model)
    job = Job("job", model, 5, 8, entry.optimizer, entry.lr * 0.1, seed=0, rows_cap=300)
    ours = TrainingStep(job)
    theirs = StraightforwardStep(job, split_shared=False, network=network)
    assert theirs.network_kind == network
    found, expected = [], []
    for _ in range(5):
        ours.run()
        theirs.run()
        assert theirs.last_loss is not None
        found.append(ours.loss())
        expected.append(float(theirs.last_loss))
    assert found == pytest.approx(expected, rel=2e-4)
    assert len(set(found)) == 5
