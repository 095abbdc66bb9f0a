"""Made-up command jobs and their profiles."""

from __future__ import annotations

from dataclasses import replace

from rmixer.model_profile.model_profile import MemoryCost, ModelProfile, StepCost
from rmixer.testing.made_up import GIB, make_profile
from rmixer.user_code.command import Command
from rmixer.workload.workload import Job


def make_command_job(
    name: str = "program-0",
    program: str = "train.py",
    steps: int = 100,
    gpus: int = 0,
    arrival_s: float = 0.0,
) -> Job:
    """A command job; there is no such program."""
    command = Command(
        line=f"python {program}",
        arguments=(program,),
        folder="",
        python="python",
        python_version="3.11.0",
        torch_version="2.8.0",
        source="made up",
        gpus=gpus,
    )
    job = Job(name, program, steps, batch=0, optimizer="", lr=0.0, seed=0, command=command)
    return replace(job, arrival_s=arrival_s)


def make_command_profile(job: Job, *steps: StepCost, peak_bytes: int = GIB) -> ModelProfile:
    """The profile of the command job ``job``, whose operators are unknown; ``steps`` are of one
    kind of device."""
    known = make_profile(steps=steps, peak_bytes=peak_bytes)
    return replace(
        known,
        identity=job.identity,
        flops=None,
        bytes=None,
        intensity=None,
        bandwidth_gbps=None,
        memory=tuple(
            MemoryCost(memory.device, None, None, None, None, None, memory.peak_bytes)
            for memory in known.memory
        ),
    )
