"""The key under which profiles are filed: all that decides the cost of a training step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rmixer.data.registry import SYNTHETIC, dataset_entry
from rmixer.files.strict import Strict
from rmixer.files.typed_files import content_hash, plain
from rmixer.models.registry import MODELS
from rmixer.user_code.own_module import label_of
from rmixer.user_code.source_digest import SourceDigests
from rmixer.user_code.sources import ROOT, our_files

if TYPE_CHECKING:
    from rmixer.workload.workload import Job

_WITHIN = ("rmixer.models", "rmixer.data", "rmixer.training")
_STOP = (
    "rmixer.data.prepare",
    "rmixer.data.registry",
    "rmixer.models.corrections",
    "rmixer.models.entry",
    "rmixer.models.metrics",
    "rmixer.models.registry",
    "rmixer.training.precision",
)
"""Modules that the step's modules import but that do not change its cost."""


@dataclass(frozen=True)
class CostIdentity(Strict):
    """Architecture, sizes, batch, optimizer kind, precision, data distribution, and a hash of
    the sources that build the step. Learning rate, seed and steps belong to the job.

    For a user's own model ``architecture`` is its name and ``config`` empty: its source has them.
    For a command job ``architecture`` is its command line, ``config`` has the versions of Python
    and torch and its number of GPUs, ``source`` is a hash of its program, ``batch`` is 0 and the
    rest unknown. For an imported profile and for durations from a table ``source`` is a hash of
    them, and only the batch is known besides.
    """

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
    def is_program(self) -> bool:
        """True for a command job."""
        return self.batch == 0

    @property
    def label(self) -> str:
        """The model's name as figures and names of files have it."""
        return label_of(self.model)

    @property
    def key(self) -> str:
        """``<label>-b<batch>-<hash8>``, the name of the profile's folder; without the batch for a
        command job."""
        if self.is_program:
            return f"{self.label}-{content_hash(self, 8)}"
        return f"{self.label}-b{self.batch}-{content_hash(self, 8)}"


def cost_identity(job: Job) -> CostIdentity:
    """The identity of ``job``'s training step. Use ``job.identity``, which computes it once."""
    if job.durations:
        return _unknown_identity(job, "durations", job.durations)
    if job.command is not None:
        command, gpus = job.command, job.command.gpus
        versions = {"python": command.python_version, "torch": command.torch_version}
        return _unknown_identity(job, command.line, command.source, {**versions, "gpus": gpus})
    if job.profile:
        return _unknown_identity(job, "imported", job.source)
    data = SYNTHETIC if job.data == SYNTHETIC else f"files:{content_hash(job.data, 8)}"
    if job.is_own:
        architecture, config, dataset = job.model, {}, "own"
        source = content_hash([job.source, own_step_hash()])
    else:
        entry = job.entry
        architecture, dataset = entry.architecture, entry.dataset
        config = plain({**entry.config, "clip_norm": entry.clip_norm})
        source = source_hash(architecture, dataset)
    return CostIdentity(
        model=job.model,
        architecture=architecture,
        config=config,
        batch=job.batch,
        optimizer=job.optimizer_kind,
        precision=job.precision,
        rows_cap=job.rows_cap,
        data=f"{dataset}:{data}",
        source=source,
    )


def _unknown_identity(
    job: Job, architecture: str, source: str, config: Mapping[str, Any] | None = None
) -> CostIdentity:
    return CostIdentity(
        model=job.model,
        architecture=architecture,
        config=dict(config or {}),
        batch=0 if job.command else job.batch,
        optimizer="",
        precision="",
        rows_cap=None,
        data="",
        source=source,
    )


@cache
def source_hash(architecture: str, dataset: str) -> str:
    """A hash of the code that builds the step of ``architecture`` on ``dataset`` (its module, the
    data set's, the training step, and all that these import) and of the data set's settings.
    Comments, docstrings and moved modules do not change it (:mod:`rmixer.user_code.source_digest`).
    """
    digest = step_digest(architecture, dataset, ROOT)
    return content_hash([digest, dataset_entry(dataset).settings])


def step_digest(architecture: str, dataset: str, root: Path) -> str:
    """The digest of the code below ``root`` that builds the step."""
    reader = dataset_entry(dataset).reader
    modules = (architecture.partition(":")[0], reader.partition(":")[0], "rmixer.training.step")
    return _digests(root).of(modules)


def is_present(identity: CostIdentity) -> bool:
    """True if ``identity`` is of a model of the library with its present sources."""
    entry = MODELS.get(identity.model)
    if entry is None:
        return False
    return (identity.architecture, identity.source) == (
        entry.architecture,
        source_hash(entry.architecture, entry.dataset),
    )


@cache
def own_step_hash() -> str:
    """A hash of the sources that run the step of a user's own model."""
    return _digests(ROOT).of(("rmixer.training.own_step",))


@cache
def _digests(root: Path) -> SourceDigests:
    return SourceDigests(our_files(_WITHIN, _STOP, root))
