"""The first parts of a check: measure the machine, and profile the models of the queue."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from experiments.gpu_check.parts import NotVerified
from experiments.gpu_check.setting import Setting
from experiments.stages.execution import prepare_data
from profiles.machines.gpu_meter import GpuMeter
from profiles.machines.measure_machine import measure_machine
from profiles.measurements.rounds import Plan
from profiles.profiler.profile_jobs import profile_jobs
from rmixer.display.quantities import size
from rmixer.errors import RunFailed
from rmixer.files.typed_files import write_yaml
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.model_profile.profile_files import write_profile
from rmixer.workload.workload import Job

PLAN = Plan(precision=0.03, seconds=1.0, sweep_seconds=1.0)
"""Short: a check has minutes for all models."""


def this_machine() -> Machine:
    """This machine, measured."""
    return measure_machine(report=lambda text: None)


def profiled(jobs: Sequence[Job], machine: Machine) -> Iterator[ModelProfile | RunFailed]:
    """Yields the profile of each of ``jobs`` with one host thread, or the error."""
    return profile_jobs(jobs, machine, (1,), PLAN)


def measure(setting: Setting) -> str:
    """Writes the machine as ``machine.yaml``, also into the folder of its profiles for simulation,
    and describes it and its driver."""
    setting.known = machine = setting.plan.machine()
    for folder in (setting.out, setting.out / "profiles" / machine.name):
        write_yaml(folder / "machine.yaml", machine)
    if not machine.gpus:
        raise NotVerified(f"{machine.name} has no GPU")
    gpu, meter = machine.gpus[0], GpuMeter.open(0)
    told = "its driver does not tell its memory"
    if meter is not None:
        named = len(meter.bytes_by_process())
        told = f"{size(meter.used_bytes())} of it in use, of {named} processes its driver tells"
        meter.close()
    return f"{machine.name}: {gpu.name} with {size(gpu.memory_bytes)} of memory, {told}"


def profile(setting: Setting, seconds: float) -> str:
    """Profiles each model of the queue on the CPU and on the GPU, and keeps the profiles. After
    ``seconds`` it begins no other. Raises :class:`NotVerified` if one is missing."""
    end_s = time.monotonic() + seconds
    jobs = list({job.identity.key: job for job in setting.plan.workload.jobs}.values())
    prepare_data(setting.plan.workload)
    missing = {job.model: "no time was left" for job in jobs}
    found = setting.plan.profiles(jobs, setting.machine)
    for job, result in zip(jobs, found, strict=False):
        if isinstance(result, RunFailed):
            missing[job.model] = result.reason
        else:
            del missing[job.model]
            setting.profiles[result.key] = result
            write_profile(setting.out / "profiles" / result.machine / result.key, result)
            if "gpu" not in {memory.device for memory in result.memory}:
                missing[job.model] = "not on the GPU"
        if time.monotonic() > end_s:
            break
    steps = [
        f"{each.identity.label} {each.step('cpu', 1).mean_us / 1e3:.1f} and "
        f"{each.step('gpu', 1).mean_us / 1e3:.1f}"
        for each in setting.profiles.values()
        if each.identity.model not in missing
    ]
    told = f"ms a step on the CPU and on the GPU: {', '.join(steps) or 'none'}"
    if missing:
        why = ", ".join(f"{model}: {reason}" for model, reason in missing.items())
        raise NotVerified(f"{told}; missing: {why}")
    return told
