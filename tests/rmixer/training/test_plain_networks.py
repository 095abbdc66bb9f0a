"""Every plain network of the step benchmark against ours: one batch gives the same loss and the
same gradients of everything that is trained."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from experiments.bench.plain.network import dense_parameters
from experiments.bench.plain_networks import PLAIN, plain_network
from rmixer.data.batches import Batches
from rmixer.data.prepare import open_dataset
from rmixer.models.base import RecommendationModel
from rmixer.models.dropout import Dropout
from rmixer.models.entry import ModelEntry
from rmixer.models.registry import MODELS, model_entry

ROWS_CAP, SAMPLES, DRAWN = 300, 8, 256

ARCHITECTURES = {name: model_entry(name).architecture.partition(":")[2] for name in MODELS}
"""The name of each model's class."""
ONE_OF_EACH = {kind: name for name, kind in reversed(ARCHITECTURES.items()) if kind in PLAIN}


def a_batch(entry: ModelEntry, model: RecommendationModel) -> dict[str, Tensor]:
    """Samples from one batch, those with the shortest history to those with the longest."""
    arrays = open_dataset(entry.dataset, "synthetic")
    drawn = Batches(arrays, DRAWN, 1, ROWS_CAP, model.inputs).next_batch()
    lengths = [values.view(DRAWN, -1).sum(1) for name, values in drawn.items() if "length" in name]
    order = torch.argsort(lengths[0], stable=True) if lengths else torch.arange(DRAWN)
    chosen = order[torch.linspace(0, DRAWN - 1, SAMPLES).long()]
    return {name: values[chosen] for name, values in drawn.items()}


def doubled(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """``batch`` in double precision, but for the labels, which the losses compare in single."""
    return {
        name: values.double() if values.is_floating_point() and name != "label" else values
        for name, values in batch.items()
    }


def undropped(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, (Dropout, nn.Dropout)):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0


def close(name: str, found: Tensor | None, ours: Tensor) -> None:
    assert found is not None, name
    scale = max(float(ours.abs().max()), 1e-6)
    assert float((found - ours).abs().max()) <= 1e-5 * scale, name


@pytest.fixture(params=[*ONE_OF_EACH.values(), "rm3"])
def entry(request: pytest.FixtureRequest) -> ModelEntry:
    return model_entry(request.param)


def test_the_loss_and_all_gradients_are_those_of_our_network(entry: ModelEntry) -> None:
    torch.manual_seed(3)
    model = entry.build(ROWS_CAP).double()
    for parameter in model.parameters():
        # Biases begin with zero, and slopes and scales are all alike: nothing may hide there.
        parameter.data.add_(torch.randn_like(parameter), alpha=0.05)
    plain = plain_network(model)
    assert plain is not None
    plain.double().copy_weights(model)
    undropped(model)
    undropped(plain)
    batch = doubled(a_batch(entry, model))
    _, rows = model.gather(batch)
    theirs = {name: values.clone() for name, values in rows.items()}
    for values in (*rows.values(), *theirs.values()):
        values.requires_grad_()

    ours_loss, plain_loss = model.loss(batch, rows), plain.loss(batch, theirs)
    assert plain_loss.item() == pytest.approx(ours_loss.item(), rel=1e-6)
    ours_loss.backward()
    plain_loss.backward()

    gradients = {}
    for name, parameter in dense_parameters(model).items():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().max()) > 0.0, name
        gradients[name] = parameter.grad
    expected = plain.renamed(gradients)
    assert expected.keys() == dict(plain.named_parameters()).keys()
    for name, parameter in plain.named_parameters():
        close(name, parameter.grad, expected[name])
    for name, values in rows.items():
        assert values.grad is not None
        close(name, theirs[name].grad, values.grad)


def test_a_network_takes_no_weights_of_another_size() -> None:
    entry = model_entry("amazon_din")
    plain = plain_network(entry.build(ROWS_CAP))
    assert plain is not None
    wider = model_entry("amazon_din").load()({**entry.config, "dim": 32}, ROWS_CAP)
    with pytest.raises(ValueError, match="given for"):
        plain.copy_weights(wider)


def test_every_name_in_the_dict_is_an_architecture() -> None:
    assert set(ARCHITECTURES.values()) >= PLAIN.keys()
