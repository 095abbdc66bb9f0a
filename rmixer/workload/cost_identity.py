"""What decides how much a training step costs, as a key that profiles are filed under."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rmixer.data.registry import SYNTHETIC, dataset_entry
from rmixer.files.strict import Strict
from rmixer.files.typed_files import content_hash, plain
from rmixer.models.registry import MODELS
from rmixer.user_code.command import Command
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
"""What the step's modules import, but what does not change its cost."""


@dataclass(frozen=True)
class CostIdentity(Strict):
    """Architecture, sizes, batch, optimizer kind, precision, data distribution, and a hash of
    the sources that build the step. Learning rate, seed and steps belong to the job.

    Of a user's own model ``architecture`` is its name and ``config`` empty: its source has them.
    Of a command job ``architecture`` is its command line, ``config`` has the versions of Python and
    torch that it runs in and its number of GPUs, and ``source`` is a hash of its program; the
    rest is unknown, and ``batch`` 0. Of an imported profile ``source`` is a hash of it, and all
    else but the batch unknown; so it is of durations from a table.
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
        """Whether it is that of a command job."""
        return self.batch == 0

    @property
    def label(self) -> str:
        """The model's name as figures and names of files have it."""
        return label_of(self.model)

    @property
    def key(self) -> str:
        """``<label>-b<batch>-<hash8>``, the name of the profile's folder; of a command job without
        the batch."""
        if self.is_program:
            return f"{self.label}-{content_hash(self, 8)}"
        return f"{self.label}-b{self.batch}-{content_hash(self, 8)}"


def cost_identity(job: Job) -> CostIdentity:
    """The identity of ``job``'s training step. Ask ``job.identity``, which computes it once."""
    if job.durations:
        return _unknown_identity(job, "durations", job.durations)
    if job.command is not None:
        return _program_identity(job.model, job.command)
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


def _program_identity(name: str, command: Command) -> CostIdentity:
    return CostIdentity(
        model=name,
        architecture=command.line,
        config={
            "python": command.python_version,
            "torch": command.torch_version,
            "gpus": command.gpus,
        },
        batch=0,
        optimizer="",
        precision="",
        rows_cap=None,
        data="",
        source=command.source,
    )


def _unknown_identity(job: Job, architecture: str, source: str) -> CostIdentity:
    return CostIdentity(
        model=job.model,
        architecture=architecture,
        config={},
        batch=job.batch,
        optimizer="",
        precision="",
        rows_cap=None,
        data="",
        source=source,
    )


@cache
def source_hash(architecture: str, dataset: str) -> str:
    """A hash of what builds the step of ``architecture`` on ``dataset``: the code of its module,
    of the data set's and of the training step, of all that these import, and the data set's
    settings. Comments, docstrings and moved modules leave it as it is
    (:mod:`rmixer.user_code.source_digest`)."""
    digest = step_digest(architecture, dataset, ROOT)
    return content_hash([digest, dataset_entry(dataset).settings])


def step_digest(architecture: str, dataset: str, root: Path) -> str:
    """The digest of the code alone that builds the step, as it lies below ``root``."""
    reader = dataset_entry(dataset).reader
    modules = (architecture.partition(":")[0], reader.partition(":")[0], "rmixer.training.step")
    return _digests(root).of(modules)


def is_present(identity: CostIdentity) -> bool:
    """Whether ``identity`` is of a model of the library, as its sources are now."""
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
