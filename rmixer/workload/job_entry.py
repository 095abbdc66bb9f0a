"""A job in a workload file: its keys, and the kind of job to which each belongs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from rmixer.data.registry import SYNTHETIC
from rmixer.files.strict import Strict
from rmixer.files.typed_files import Name
from rmixer.workload.real_training import EarlyStop, Evaluation, LrSchedule
from rmixer.workload.workload import RETRIES

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0, le=2**31 - 1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Copies = Annotated[int, Field(gt=0, le=100_000)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


@dataclass(frozen=True)
class JobEntry(Strict):
    """A job in a file; ``NOT_YET`` names the other keys of the schema."""

    model: str | None = None
    command: str | None = None
    python: str | None = None
    resume: str | None = None
    gpus: Annotated[int, Field(ge=0)] = 0
    profile: Name | None = None
    count: Copies = 1
    steps: Count | None = None
    epochs: Rate | None = None
    batch: Count | None = None
    optimizer: str | None = None
    lr: Rate | None = None
    seed: Seed | None = None
    rows_cap: Count | None = None
    arrival_s: NonNegative = 0.0
    deadline_s: Rate | None = None
    weight: Rate = 1.0
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    data: Annotated[str, Field(min_length=1)] = SYNTHETIC
    precision: str = "fp32"
    on_nan: str = "stop"
    weight_decay: NonNegative | None = None
    betas: tuple[Share, Share] | None = None
    momentum: Share | None = None
    lr_schedule: LrSchedule | None = None
    evaluate: Evaluation | None = None
    stop: EarlyStop | None = None
    save_every_s: Rate | None = None
    retries: Annotated[int, Field(ge=0, le=100)] = RETRIES
    id: Name | None = None


NOT_YET = ("after", "search")

WISHES = ("deadline_s", "weight", "priority")
"""The keys of any job about how soon it should be done."""
OF_COMMANDS: tuple[str, ...] = ("python", "gpus", "resume")
UNKNOWN = "unknown"
"""The steps of a program that ends by itself at an unknown time."""
REAL_TRAINING: tuple[str, ...] = (
    "weight_decay",
    "betas",
    "momentum",
    "lr_schedule",
    "evaluate",
    "stop",
    "save_every_s",
)
"""The keys that a job takes over unchanged."""
OF_MODELS: tuple[str, ...] = (
    "batch",
    "optimizer",
    "lr",
    "seed",
    "rows_cap",
    "data",
    "precision",
    "on_nan",
    "epochs",
    *REAL_TRAINING,
)
"""Keys for jobs of one kind only."""
OWN_METRICS = ("loss", "auc")
"""The metrics of a user's own model."""


def not_yet(key: str) -> str:
    """The message for a key of ``NOT_YET``."""
    return f"nothing yet: {key!r} is part of the schema, but not supported so far"
