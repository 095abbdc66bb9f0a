"""A configured model: an architecture, its sizes, its data set and its training."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rmixer.models.base import RecommendationModel


@dataclass(frozen=True)
class ModelEntry:
    """One configuration of an architecture.

    ``architecture`` is ``module:Class`` of a :class:`rmixer.models.base.RecommendationModel` whose
    constructor takes ``config`` and ``rows_cap``; ``dataset`` is a name of
    ``rmixer.data.registry``; ``optimizer_settings`` are those of ``optimizer`` besides its rate
    (``epsilon``, ``initial_accumulator``, ``weight_decay``), used with no other optimizer;
    ``clip_norm`` bounds the global norm of the dense gradients (None: no bound); ``metrics`` are
    the names of its metrics on held-out data.
    """

    name: str
    title: str
    paper: str
    architecture: str
    dataset: str
    batch: int
    optimizer: str
    lr: float
    config: dict[str, Any] = field(default_factory=dict)
    optimizer_settings: dict[str, float] = field(default_factory=dict)
    clip_norm: float | None = None
    metrics: tuple[str, ...] = ("loss", "auc")

    def settings_of(self, optimizer: str) -> dict[str, float]:
        """The settings to use with ``optimizer``: none if it is not the configured one."""
        return self.optimizer_settings if optimizer == self.optimizer else {}

    def load(self) -> type[RecommendationModel]:
        """The architecture's class; imports torch."""
        module, _, name = self.architecture.partition(":")
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]

    def build(self, rows_cap: int | None = None) -> RecommendationModel:
        """A new model, its weights from torch's generator, no table longer than ``rows_cap``."""
        return self.load()(self.config, rows_cap)
