"""The setting of a check: a machine, a queue, profiles, and the folders for results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from executor.workers.warm_processes import WarmProcesses
from experiments.gpu_check.parts import NotVerified
from rmixer.errors import RunFailed
from rmixer.hardware.allowance import Allowance
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.workload.shrinking import Shrinking
from rmixer.workload.workload import Job, Workload
from rmixer.workload.workload_file import read_workload

WORKLOAD = Path(__file__).parents[1] / "workloads" / "balance_24.yaml"
MODELS = (
    "criteo_difm",
    "amazon_dien",
    "amazon_din",
    "criteo_deepfm",
    "criteo_dcn",
    "amazon_bst",
)
"""The models of 20 of the queue's 24 jobs."""
SHRINKING = Shrinking(steps_scale=0.06, batch_max=512)
FIRST_GPU = Allowance(gpus=(0,))


@dataclass(frozen=True)
class Plan:
    """A plan of a check: the machine, the profiles, the queue, the slots (of the GPU, of the CPU),
    the processes. ``device`` is the kind that slots of a GPU have, ``why_not`` the things that
    cannot be verified on it, if it only stands in for a GPU."""

    machine: Callable[[], Machine]
    profiles: Callable[[Sequence[Job], Machine], Iterator[ModelProfile | RunFailed]]
    workload: Workload
    slots: Sequence[tuple[int, int]]
    processes: type[WarmProcesses] = WarmProcesses
    why_not: str | None = None


class Setting:
    """The state of a check by its ``plan``. Results go to ``out``; large files go to
    ``scratch``."""

    def __init__(self, plan: Plan, out: Path, scratch: Path) -> None:
        self.plan, self.out, self.scratch = plan, out, scratch
        self.profiles: dict[str, ModelProfile] = {}
        self.known: Machine | None = None

    @property
    def machine(self) -> Machine:
        """The machine with only its first GPU. Raises :class:`NotVerified` if it is not known."""
        if self.known is None:
            raise NotVerified("the machine is not known")
        return FIRST_GPU.of(self.known)

    @property
    def problem(self) -> Problem:
        """The jobs of the queue whose models are profiled on both kinds of devices. Raises
        :class:`NotVerified` if there is none."""
        both = {
            key: profile
            for key, profile in self.profiles.items()
            if {memory.device for memory in profile.memory} == {"cpu", "gpu"}
        }
        jobs = tuple(job for job in self.plan.workload.jobs if job.identity.key in both)
        if not jobs:
            raise NotVerified("no model is profiled on the GPU")
        return problem_of(replace(self.plan.workload, jobs=jobs), self.machine, both)


def queue(models: Sequence[str] = MODELS, shrinking: Shrinking = SHRINKING) -> Workload:
    """The jobs of ``balance_24`` that are of ``models``, shrunk."""
    whole = shrinking.apply(read_workload(WORKLOAD))
    return replace(whole, jobs=tuple(job for job in whole.jobs if job.model in models))
