"""The training to be done: jobs with every default resolved."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import dropwhile
from pathlib import Path
from typing import Any, Literal

from rmixer.data.registry import SYNTHETIC
from rmixer.files.typed_files import content_hash, plain
from rmixer.models.entry import ModelEntry
from rmixer.models.registry import model_entry
from rmixer.user_code.command import Command
from rmixer.user_code.own_module import find_own_model, is_own, label_of
from rmixer.workload.cost_identity import CostIdentity, cost_identity
from rmixer.workload.real_training import EarlyStop, Evaluation, LrSchedule, costly_kind

OPTIMIZERS = ("adagrad", "adam", "adamw", "rowwise_adagrad", "sgd")
PRECISIONS = ("fp32", "bf16")
ON_NAN = ("stop", "go_on")
RETRIES = 2
_FIRST_LATER_KEY = "on_nan"
"""From this one on, a job's keys are newer than some schedules. At their defaults they are not part
of a workload's hash, so those schedules stay valid."""
SUPPOSED_STEPS = 1000
"""The steps supposed for a program if their number is unknown."""
OWN_BATCH, OWN_OPTIMIZER, OWN_LR = 256, "adam", 0.001
"""The defaults for a user's own model."""


@dataclass(frozen=True)
class Job:
    """One training job: ``steps`` optimizer steps of ``batch`` samples. ``data`` is ``synthetic``
    or the path of the data set's raw files; ``rows_cap`` limits the rows of every embedding table;
    ``arrival_s`` counts from the start of the run. With ``precision`` ``bf16`` matrix products run
    in bfloat16, while weights and sums stay float32. If the loss is NaN or infinite, ``on_nan``
    ``stop`` ends the job as failed and ``go_on`` trains on. A failed job is tried again up to
    ``retries`` times, if that can help.

    ``weight_decay``, ``betas`` and ``momentum`` are the optimizer's (None: those of its model, or
    torch's). ``lr_schedule`` changes the learning rate, ``evaluate`` says when the model is
    evaluated on held-out data, ``stop`` ends the job early, so that ``steps`` is a maximum.
    ``held_out`` is the number of held-out samples (None: not needed). A checkpoint is written every
    ``save_every_s`` (None: as the execution says).

    ``model`` is a name of the registry or the user's own, ``package.module:function``. For an own
    model ``module_root`` is the folder that must be on Python's path and ``source`` a hash of its
    sources; its ``data`` may be any text.

    A job never waits for one of lower ``priority`` that takes a place where it could run. It should
    end within ``deadline_s`` of the start of the run. ``weight`` is the weight of its completion
    time.

    For a command job ``model`` is the name of its program and ``command`` the program; its samples,
    optimizers and data are unknown, and ``batch`` is 0. ``resume`` is the command that continues it
    after an interruption (None: it starts anew). ``steps_from`` is the source of ``steps``: the
    workload ``said`` them, an earlier run gave them (``learned``), or they are ``supposed``.

    For a job with only an imported profile, ``profile`` is its name and ``source`` a hash of it;
    ``batch`` is 0 if unknown. For a job with durations from a table, ``durations`` is a hash of
    them; the registry need not know its ``model``, and ``batch`` is 0 if unknown.
    """

    id: str
    model: str
    steps: int
    batch: int
    optimizer: str
    lr: float
    seed: int
    rows_cap: int | None = None
    arrival_s: float = 0.0
    data: str = SYNTHETIC
    precision: str = "fp32"
    module_root: str = ""
    source: str = ""
    command: Command | None = None
    profile: str = ""
    on_nan: str = "stop"
    durations: str = ""
    retries: int = RETRIES
    resume: Command | None = None
    steps_from: Literal["said", "learned", "supposed"] = "said"
    weight_decay: float | None = None
    betas: tuple[float, float] | None = None
    momentum: float | None = None
    lr_schedule: LrSchedule | None = None
    evaluate: Evaluation | None = None
    stop: EarlyStop | None = None
    save_every_s: float | None = None
    held_out: int | None = None
    deadline_s: float | None = None
    weight: float = 1.0
    priority: int = 0

    @property
    def in_registry(self) -> bool:
        """True if the registry has the model and the job asks for its step."""
        return not (self.command or self.is_own or self.profile or self.durations)

    @property
    def is_own(self) -> bool:
        """True if the model is the user's own, not one of the registry."""
        return is_own(self.model) and not self.durations

    @property
    def label(self) -> str:
        """The model's name as figures and names of files have it."""
        return label_of(self.model)

    @property
    def entry(self) -> ModelEntry:
        """The registry's facts about the model."""
        return model_entry(self.model)

    @property
    def given_settings(self) -> dict[str, Any]:
        """The settings of the optimizer that the workload gives."""
        given = {"weight_decay": self.weight_decay, "betas": self.betas, "momentum": self.momentum}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def optimizer_settings(self) -> dict[str, Any]:
        """The settings of the optimizer besides its rate that differ from torch's, for a model of
        the registry."""
        return {**self.entry.settings_of(self.optimizer), **self.given_settings}

    @property
    def optimizer_kind(self) -> str:
        """The optimizer as in a cost identity, with the settings that make its step longer."""
        return costly_kind(self.optimizer, self.given_settings)

    @property
    def evaluation(self) -> Evaluation:
        """The times and the size of its evaluations."""
        return self.evaluate or Evaluation()

    @property
    def evaluations_between(self) -> int:
        """The number of evaluations before its last step."""
        every = self.evaluation.every_steps
        return (self.steps - 1) // every if every else 0

    @cached_property
    def identity(self) -> CostIdentity:
        """The cost identity of its training step, computed once. Jobs created later see changed
        sources."""
        return cost_identity(self)


@dataclass(frozen=True)
class Workload:
    """A named queue of jobs, in order of submission."""

    name: str
    seed: int
    jobs: tuple[Job, ...]

    @property
    def hash(self) -> str:
        """A hash of name, seed and jobs. It does not depend on the file's place, nor on steps that
        were learned."""
        content = plain(self)
        later = list(dropwhile(lambda key: key.name != _FIRST_LATER_KEY, fields(Job)))
        for job in content["jobs"]:
            if job["steps_from"] != "said":
                job["steps"], job["steps_from"] = "unknown", "said"
            for key in later:
                if job[key.name] == key.default:
                    del job[key.name]
        return content_hash(content)


def job_of(model: str) -> Job:
    """A job of one step of ``model`` with its default settings; an own model is looked for in the
    current folder. Raises :class:`InputError`."""
    if is_own(model):
        own = find_own_model(model, Path.cwd(), "models", "name")
        job = Job(f"{label_of(model)}-0", model, 1, OWN_BATCH, OWN_OPTIMIZER, OWN_LR, seed=0)
        return replace(job, module_root=str(own.root), source=own.source)
    facts = model_entry(model)
    return Job(f"{model}-0", model, 1, facts.batch, facts.optimizer, facts.lr, seed=0)


def job_with(identity: CostIdentity) -> Job:
    """A job of one step that has ``identity``, of a model of the registry on synthetic data. Raises
    :class:`InputError` for other models."""
    optimizer, *settings = identity.optimizer.split("+")
    return replace(
        job_of(identity.model),
        batch=identity.batch,
        rows_cap=identity.rows_cap,
        optimizer=optimizer,
        momentum=0.9 if "momentum" in settings else None,
        weight_decay=1e-5 if "weight_decay" in settings else None,
        precision=identity.precision,
    )
