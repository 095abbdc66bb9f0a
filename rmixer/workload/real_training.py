"""The keys of a workload for how a model is trained, besides its steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from rmixer.files.strict import Strict

Count = Annotated[int, Field(gt=0, le=2**31 - 1)]
Schedule = Literal["constant", "linear", "cosine", "inverse_sqrt"]
EVALUATION_BATCHES = 20
"""Held-out batches of an evaluation by default."""
LOWER_IS_BETTER = ("loss",)
"""For all other metrics higher is better."""

SETTINGS_OF: Mapping[str, tuple[str, ...]] = {
    "adagrad": ("weight_decay",),
    "adam": ("betas", "weight_decay"),
    "adamw": ("betas", "weight_decay"),
    "rowwise_adagrad": ("weight_decay",),
    "sgd": ("momentum", "weight_decay"),
}
"""The settings besides its rate that a workload may give each optimizer."""


@dataclass(frozen=True)
class LrSchedule(Strict):
    """The change of the learning rate over a job.

    In the first ``warmup_steps`` it rises in equal parts to the job's ``lr``. Then it stays there
    (``constant``), falls towards 0 at the job's last step on a straight line (``linear``) or on
    half a cosine (``cosine``), or falls as one over the root of the step (``inverse_sqrt``, Vaswani
    et al., 2017, section 5.3).
    """

    kind: Schedule = "constant"
    warmup_steps: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0

    def factor(self, made: int, steps: int) -> float:
        """The factor on ``lr`` in the step after ``made`` of ``steps`` steps: above 0."""
        warm = self.warmup_steps
        if made < warm:
            return (made + 1) / warm
        if self.kind == "constant":
            return 1.0
        if self.kind == "inverse_sqrt":
            return math.sqrt(max(1, warm) / (made + 1))
        share = (made - warm) / max(1, steps - warm)
        return 1.0 - share if self.kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * share))


@dataclass(frozen=True)
class Evaluation(Strict):
    """The model is evaluated on the first ``batches`` held-out batches after each ``every_steps``
    steps (None: not while it trains), and at the end of training."""

    every_steps: Count | None = None
    batches: Count = EVALUATION_BATCHES


@dataclass(frozen=True)
class EarlyStop(Strict):
    """Training ends when ``patience`` evaluations in a row have not improved ``metric``."""

    metric: str
    patience: Count

    def betters(self, value: float, best: float | None) -> bool:
        """True if ``value`` of the metric is better than ``best``, the best so far. NaN never
        is."""
        if math.isnan(value):
            return False
        if best is None:
            return True
        return value < best if self.metric in LOWER_IS_BETTER else value > best


def costly_kind(optimizer: str, settings: Mapping[str, Any]) -> str:
    """``optimizer`` with the names of its ``settings`` that add work to a step, as in a cost
    identity: ``sgd+momentum``. AdamW always decays."""
    free = ("weight_decay",) if optimizer == "adamw" else ()
    named = [name for name in ("momentum", "weight_decay") if settings.get(name)]
    return "+".join((optimizer, *(name for name in named if name not in free)))
