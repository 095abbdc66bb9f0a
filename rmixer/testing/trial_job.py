"""The job with which a user's model is tested."""

from __future__ import annotations

from dataclasses import dataclass

from rmixer.data.registry import SYNTHETIC
from rmixer.training.own_build import Build
from rmixer.workload.workload import OWN_LR, OWN_OPTIMIZER, Job


@dataclass(frozen=True)
class TrialJob:
    """A short job, in the form that ``build`` gets from a workload. At least two ``steps`` are
    needed to see a model change."""

    batch: int = 32
    steps: int = 5
    lr: float = OWN_LR
    optimizer: str = OWN_OPTIMIZER
    seed: int = 0
    rows_cap: int | None = None
    data: str = SYNTHETIC

    def __post_init__(self) -> None:
        if self.steps < 2:
            raise ValueError(f"steps: found {self.steps}; allowed: at least 2")

    def of(self, build: Build) -> Job:
        """The job that ``build`` is called with."""
        return Job(
            id="check_model",
            model=f"{build.__module__}:{getattr(build, '__qualname__', type(build).__name__)}",
            steps=self.steps,
            batch=self.batch,
            optimizer=self.optimizer,
            lr=self.lr,
            seed=self.seed,
            rows_cap=self.rows_cap,
            data=self.data,
        )
