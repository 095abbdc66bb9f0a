"""A GRU as a layer, with or without an attentional update gate."""

from __future__ import annotations

from torch import Tensor, nn

from rmixer.models.gated_recurrence import gated_recurrence


class GRU(nn.Module):
    """Inputs [B, T, width], and maybe attention [B, T] -> all states [T, B, hidden] and the last
    [B, hidden], from zero: see :func:`rmixer.models.gated_recurrence.gated_recurrence`.

    Weights and two biases as ``torch.nn.GRU`` has them. A position whose attention is 0 leaves
    the state as it is, and gets no gradient: so padding is masked.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.inputs = nn.Linear(width, 3 * hidden)
        self.recurrent = nn.Linear(hidden, 3 * hidden)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(hidden**-0.5), hidden**-0.5)

    def forward(self, inputs: Tensor, attention: Tensor | None = None) -> tuple[Tensor, Tensor]:
        of_inputs = self.inputs(inputs.transpose(0, 1).contiguous())
        by_step = None if attention is None else attention.t().contiguous()
        return gated_recurrence(of_inputs, self.recurrent.weight, self.recurrent.bias, by_step)
