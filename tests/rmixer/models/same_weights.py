"""Two implementations of one network with the same weights: for comparing what they compute."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rmixer.models.base import RecommendationModel


def as_it_is(ours: Tensor) -> Tensor:
    return ours


@dataclass(frozen=True)
class Tie:
    """Our parameter or table ``name`` is ``layout(it)``, in the shape of ``theirs``. Of several
    that are tied to one of theirs, that one is the sum."""

    name: str
    theirs: nn.Parameter
    layout: Callable[[Tensor], Tensor] = as_it_is


def tied_linears(ours: RecommendationModel, name: str, layers: Iterable[nn.Linear]) -> list[Tie]:
    """Ties of the linear layers in our module ``name`` with ``layers``, in their order. Where
    theirs have no bias, ours is left alone."""
    parts = [name + "." + at for at, part in _linears(ours.get_submodule(name))]
    ties = []
    for part, layer in zip(parts, layers, strict=True):
        ties.append(Tie(f"{part}.weight".replace("..", "."), layer.weight))
        if layer.bias is not None:
            ties.append(Tie(f"{part}.bias".replace("..", "."), layer.bias))
    return ties


def tied_fields(table: str, rows: Sequence[int], theirs: Sequence[nn.Module]) -> list[Tie]:
    """Ties of successive stretches of our table with the embeddings of theirs."""
    ties, first = [], 0
    for length, embedding in zip(rows, theirs, strict=True):
        stretch = slice(first, first + length)
        ties.append(Tie(table, embedding.weight, lambda ours, at=stretch: ours[at]))
        first += length
    return ties


class Comparison:
    """Our ``model`` in double precision, with random weights, on ``batch``: its logits, and the
    gradients of Σ c_b logit_b for random c, by the name of a parameter or table."""

    def __init__(self, model: RecommendationModel, batch: Mapping[str, Tensor]) -> None:
        self.model = model.double()
        for parameter in model.parameters():
            parameter.data.normal_(std=0.4)
        ids, rows = model.gather(batch)
        for part in rows.values():
            part.requires_grad_()
        self.logits = model(batch, rows)
        self._weights = torch.randn_like(self.logits)
        (self.logits * self._weights).sum().backward()
        self._gradients: dict[str, Tensor] = {}
        for name, table in model.tables.items():
            whole = torch.zeros_like(table)
            self._gradients[name] = whole.index_add_(0, ids[name], rows[name].grad)
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None, name
                self._gradients[name] = parameter.grad.clone()
        model.zero_grad()

    def tie(self, ties: Iterable[Tie]) -> None:
        """Give theirs our weights."""
        ties = list(ties)
        for tie in ties:
            tie.theirs.data.zero_()
        for tie in ties:
            tie.theirs.data.add_(tie.layout(self._ours(tie.name)).reshape(tie.theirs.shape))

    def agrees(
        self,
        logits: Tensor,
        ties: Iterable[Tie],
        stand_ins: Mapping[nn.Parameter, Tensor] | None = None,
    ) -> None:
        """Check ``logits`` and the gradient of everything that is tied. ``stand_ins`` are
        parameters of theirs that hold a value which modules of ours have computed; what flows
        back into one flows on into those. Nothing of ours may be left that is not compared."""
        torch.testing.assert_close(self.logits, logits.view(-1), rtol=0, atol=1e-9)
        (logits.view(-1) * self._weights).sum().backward()
        for held, computed in (stand_ins or {}).items():
            computed.backward(held.grad)
        compared = set()
        for tie in ties:
            compared.add(tie.name)
            _close(tie.name, tie.layout(self._gradients[tie.name]), tie.theirs.grad)
        for name, parameter in self.model.named_parameters():
            if name not in compared and parameter.grad is not None:
                compared.add(name)
                _close(name, self._gradients[name], parameter.grad)
        assert compared == set(self._gradients)

    def _ours(self, name: str) -> Tensor:
        if name in self.model.tables:
            return self.model.tables[name].data
        return self.model.get_parameter(name).detach()


def _linears(module: nn.Module) -> list[tuple[str, nn.Linear]]:
    return [(at, part) for at, part in module.named_modules() if isinstance(part, nn.Linear)]


def _close(name: str, ours: Tensor, theirs: Tensor | None) -> None:
    assert theirs is not None, name
    assert float(theirs.abs().max()) > 1e-6, f"{name} has no gradient to compare"
    torch.testing.assert_close(
        ours.reshape(theirs.shape), theirs, rtol=0, atol=1e-9, msg=lambda m: f"{name}: {m}"
    )
