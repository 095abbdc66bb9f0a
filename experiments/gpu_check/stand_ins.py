"""A machine with one stand-in GPU, for a dry run: its slots train on the CPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from executor.workers.warm_processes import WarmProcesses
from executor.workers.workers import Place
from experiments.gpu_check.setting import Plan, queue
from profiles.machines import limits
from profiles.stored.store import Store
from rmixer.errors import RunFailed
from rmixer.hardware.machine import Machine
from rmixer.hardware.what_if import WhatIf
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.workload.shrinking import Shrinking
from rmixer.workload.workload import Job, Workload

RECORDED = "h100-16c"
"""The machine whose recorded profiles stand in for measured ones."""
MODELS = ("criteo_deepfm", "criteo_dcn")
WHY_NOT = "dry run: stand-in devices"


class StandInGpus(WarmProcesses):
    """The same workers with the same environments, but none trains on a GPU."""

    def is_on_gpu(self, place: Place) -> bool:
        """Always False."""
        return False


def dry_plan() -> Plan:
    """A queue of three jobs of a few steps, on a slot of either kind."""
    return Plan(
        machine=stand_in_machine,
        profiles=stand_in_profiles,
        workload=_few(queue(MODELS, Shrinking(steps_scale=0.01, batch_max=512))),
        slots=((1, 1),),
        processes=StandInGpus,
        why_not=WHY_NOT,
    )


def stand_in_machine() -> Machine:
    """The recorded machine with this one's cores."""
    cores = limits.usable_cores()[:2]
    made = WhatIf(cores=len(cores)).machine_of(Store().machine(RECORDED))
    return replace(
        made,
        name="stand-in",
        origin="modelled",
        processor="stand-in",
        cores=cores,
        memory_bytes=limits.usable_memory_bytes(),
        gpus=(replace(made.gpus[0], name="stand-in"),),
    )


def stand_in_profiles(jobs: Sequence[Job], machine: Machine) -> Iterator[ModelProfile | RunFailed]:
    """Yields recorded profiles; none was measured here."""
    store = Store()
    for job in jobs:
        found = store.find(RECORDED, job.identity.key)
        if found is None:
            yield RunFailed(f"no profile of {job.identity.key} is recorded")
        else:
            yield replace(found, machine=machine.name, origin="modelled")


def _few(workload: Workload) -> Workload:
    first = {job.model: job for job in reversed(workload.jobs)}
    again = replace(first[MODELS[1]], id="again")
    return replace(workload, jobs=(*(first[model] for model in MODELS), again))
