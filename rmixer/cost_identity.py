"""What decides how much a training step costs, as a key that profiles are filed under."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from rmixer.files import content_hash, plain
from rmixer.workload import SYNTHETIC, Job

_STEP_SOURCES = (
    "models/base.py",
    "models/layers.py",
    "data/arrays.py",
    "data/batches.py",
    "data/hashing.py",
    "data/reviews.py",
    "data/zipf.py",
    "training/row_optimizers.py",
    "training/step.py",
)


@dataclass(frozen=True)
class CostIdentity:
    """Architecture, sizes, batch, optimizer kind, precision, data distribution, and a hash of
    the sources that build the step. Learning rate, seed and steps belong to the job."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    model: str
    architecture: str
    config: dict[str, Any]
    batch: int
    optimizer: str
    precision: str
    rows_cap: int | None
    data: str
    source: str

    @property
    def key(self) -> str:
        """``<model>-b<batch>-<hash8>``, the name of the profile's folder."""
        return f"{self.model}-b{self.batch}-{content_hash(self, 8)}"


def cost_identity(job: Job) -> CostIdentity:
    """The identity of ``job``'s training step."""
    entry = job.entry
    data = SYNTHETIC if job.data == SYNTHETIC else f"files:{content_hash(job.data, 8)}"
    return CostIdentity(
        model=job.model,
        architecture=entry.architecture,
        config=plain(entry.config),
        batch=job.batch,
        optimizer=job.optimizer,
        precision="fp32",
        rows_cap=job.rows_cap,
        data=f"{entry.dataset}:{data}",
        source=source_hash(entry.architecture, entry.dataset),
    )


@cache
def source_hash(architecture: str, dataset: str) -> str:
    """A hash of the sources that build the step of ``architecture`` on ``dataset``."""
    package = Path(__file__).resolve().parent
    module = architecture.partition(":")[0].removeprefix("rmixer.").replace(".", "/")
    digest = hashlib.blake2b(digest_size=8)
    for name in (*_STEP_SOURCES, f"{module}.py", f"data/{dataset}.py"):
        digest.update(name.encode() + b"\0")
        digest.update((package / name).read_bytes() + b"\0")
    return digest.hexdigest()
