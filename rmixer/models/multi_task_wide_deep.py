"""Wide & Deep for several objectives: a shared bottom, a tower for each task (RecSys 2019,
doi 10.1145/3298689.3346997)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rmixer.models.base import RecommendationModel
from rmixer.models.field_table import FieldTable
from rmixer.models.layers import mlp, relu

INITIAL_STD = 0.05


class MultiTaskWideDeep(RecommendationModel):
    """Dense features and embeddings, joined, pass the shared ``bottom_mlp``. Its output passes the
    ``task_mlp`` of each of ``tasks`` tasks, which ends in the task's logit. The loss is the mean of
    the tasks' cross-entropies, the quality the mean of their AUCs.

    DeepRecSys' Wide & Deep is the case of one task whose tower is the last layer alone. Batches
    have ``dense`` [B, dense], ``ids`` [B, fields] and ``label`` [B], or [B, tasks] if several.
    """

    inputs: ClassVar = ("dense", "ids", "label")

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        self.fields = FieldTable(self, config, INITIAL_STD)
        width = config["dense"] + self.fields.count * config["embedding_dim"]
        self.bottom = mlp(width, config["bottom_mlp"], relu, activate_last=True)
        self.towers = nn.ModuleList(
            mlp(config["bottom_mlp"][-1], config["task_mlp"], relu) for _ in range(config["tasks"])
        )

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"shared": self.fields.table_rows(batch["ids"])}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        """Logits, [B] or [B, tasks]."""
        dense = batch["dense"]
        hidden = self.bottom(torch.cat([dense, rows["shared"].view(len(dense), -1)], dim=1))
        logits = torch.cat([tower(hidden) for tower in self.towers], dim=1)
        return logits.view(batch["label"].shape)

    @staticmethod
    def quality(measured: Mapping[str, NDArray[np.float32]]) -> dict[str, float]:
        """The mean over the tasks of the cross-entropy and of the AUC."""
        samples = len(measured["label"])
        logits = measured["logit"].reshape(samples, -1).T
        labels = measured["label"].reshape(samples, -1).T
        tasks = [
            RecommendationModel.quality({"logit": logit, "label": label})
            for logit, label in zip(logits, labels, strict=True)
        ]
        return {name: float(np.mean([task[name] for task in tasks])) for name in tasks[0]}
