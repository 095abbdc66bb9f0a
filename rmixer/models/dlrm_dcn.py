"""DLRM whose vectors meet in a low-rank cross network (DCN V2, arXiv 2008.13535)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rmixer.models.dlrm import DLRM


class LowRankCross(nn.Module):
    """x_{l+1} = x_0 * (U_l V_l x_l + b_l) + x_l: [B, F, d] -> [B, F d], where * goes element by
    element, V_l is [rank, F d] and U_l is [F d, rank]."""

    def __init__(self, width: int, rank: int, layers: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Linear(width, rank, bias=False) for _ in range(layers))
        self.up = nn.ModuleList(nn.Linear(rank, width) for _ in range(layers))
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.xavier_normal_(parameter)

    def forward(self, vectors: Tensor) -> Tensor:
        first = vectors.flatten(1)
        crossed = first
        for down, up in zip(self.down, self.up, strict=True):
            crossed = torch.addcmul(crossed, first, up(down(crossed)))
        return crossed


class DLRMDCN(DLRM):
    """As :class:`rmixer.models.dlrm.DLRM`, with ``cross_layers`` cross layers of ``cross_rank``
    between the vectors and the top MLP, as in MLPerf's DLRM-DCNv2."""

    def interacting(self, dim: int, vectors: int) -> tuple[nn.Module, int]:
        width = dim * vectors
        rank, layers = self.config["cross_rank"], self.config["cross_layers"]
        return LowRankCross(width, rank, layers), width
