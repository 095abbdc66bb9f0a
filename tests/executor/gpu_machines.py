"""This machine with GPUs that are not there, and profiles of jobs on them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from executed_workloads import MIB, this_machine
from made_up_programs import make_command_profile

from executor.supervision.execution import ExecutedRun, Execution
from executor.supervision.supervisor import Supervisor
from executor.workers.mixed_workers import MixedWorkers
from executor.workers.warm_processes import WarmProcesses
from rmixer.hardware.machine import Gpu, Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.policies import Policy
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.testing.made_up import make_profile, make_step
from rmixer.workload.workload import Job, Workload

PEAK, CONTEXT = 1000 * MIB, 400 * MIB


def with_gpus(count: int = 1) -> Machine:
    """This machine, with ``count`` GPUs of 16 GiB."""
    gpus = tuple(Gpu(f"stand-in {number}", 16384 * MIB, 100) for number in range(count))
    return dataclasses.replace(this_machine(), gpus=gpus)


def profile_on_gpu(job: Job) -> ModelProfile:
    """A made-up profile of ``job``: of a model on both kinds of devices, of a program on the one
    that it wants. Of its peak on the GPU the driver holds 400 MiB."""
    if job.command is not None:
        step = make_step("gpu" if job.command.gpus else "cpu", mean_us=1000.0)
        return make_command_profile(job, step, peak_bytes=PEAK)
    steps = [make_step(mean_us=1000.0), make_step("gpu", mean_us=1000.0)]
    made = make_profile("criteo_dlrm", steps, batch=job.batch, peak_bytes=PEAK)
    cpu, gpu = made.memory
    memory = (cpu, dataclasses.replace(gpu, context_bytes=CONTEXT))
    return dataclasses.replace(made, identity=job.identity, memory=memory)


def problem_on(machine: Machine, *jobs: Job) -> Problem:
    """``jobs`` with their made-up profiles, on ``machine``."""
    profiles = {job.identity.key: profile_on_gpu(job) for job in jobs}
    return problem_of(Workload("tiny", 0, jobs), machine, profiles)


def execute_on(
    problem: Problem,
    policy: Policy,
    layout: Layout,
    folder: Path,
    processes: type[WarmProcesses] = WarmProcesses,
) -> ExecutedRun:
    """Carry out ``problem`` for real by ``processes``."""
    with_models = any(job.command is None for job in problem.workload.jobs)
    workers = MixedWorkers(problem.machine, layout, folder, with_models, processes)
    return Supervisor(Execution(problem, policy, layout, folder), workers).execute()


def layout_of(gpu_slots: int, cpu_slots: int, gpus: int = 1) -> Layout:
    """Slots of one thread, which take the cores in turn."""
    devices = [DeviceSlots(f"gpu:{number}", gpu_slots, 1) for number in range(gpus)]
    if cpu_slots:
        devices.append(DeviceSlots("cpu:0", cpu_slots, 1))
    return Layout(tuple(devices), in_turn=True)
