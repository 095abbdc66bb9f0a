"""Turns a table of durations into profiles for the simulator, and assumes a machine if none is
given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from profiles.stored.store import Store
from rmixer.display.quantities import size
from rmixer.hardware.fingerprint import NOT_KNOWN
from rmixer.hardware.machine import Gpu, Machine
from rmixer.hardware.what_if import WhatIf
from rmixer.imported.durations import KINDS, NO_LIMIT_BYTES, Duration, DurationTable
from rmixer.model_profile.model_profile import MemoryCost, ModelProfile, StepCost
from rmixer.scheduling.problem import Problem, ProfiledJob
from rmixer.scheduling.wanted_slots import Counts, Wanted
from rmixer.workload.workload import Job, Workload

LEAST_CORES = 8
"""Cores of an assumed machine for each of its GPUs, at least."""


def inputs_of_table(
    workload: Workload,
    table: DurationTable,
    machine: str | None,
    wanted: Wanted,
    report: Callable[[str], None],
    what_if: WhatIf | None = None,
) -> Problem:
    """The jobs of ``workload``, which was read with ``table``, each with a profile made from its
    rows, on the known ``machine``, without its GPUs if no row is of one. With ``machine`` None, on
    an assumed one, with a GPU if any row is of one, cores for all ``wanted`` slots, and memory
    without limit. Then ``what_if`` changes the machine. Raises :class:`InputError` for an unknown
    machine and for GPUs that it lacks."""
    with_gpu = any(row.figures.device == "gpu" for row in table.rows)
    suppose = what_if or WhatIf()
    if machine is not None:
        known = Store().machine(machine)
        found = suppose.machine_of(known if with_gpu else replace(known, gpus=()))
        if suppose.settings:
            report(f"what if: {found.name} is simulated; it was never measured")
        return problem_of_table(workload, table, found, wanted)
    found = suppose.machine_of(assumed_machine(gpus=1 if with_gpu else 0))
    if suppose.cores is None:
        found = with_cores_for(found, wanted)
    report(
        f"without --machine, one is assumed: {_in_words(found)} (change it "
        "with --machine, or --set machine.gpus=4)"
    )
    return problem_of_table(workload, table, found, wanted)


def _in_words(machine: Machine) -> str:
    """``4 GPU(s) with memory of 40.0 GiB, 18 cores with memory without limit``."""

    def memory(has_bytes: int) -> str:
        return "without limit" if has_bytes == NO_LIMIT_BYTES else f"of {size(has_bytes)}"

    cores = f"{len(machine.cores)} cores with memory {memory(machine.memory_bytes)}"
    if not machine.gpus:
        return f"no GPU, {cores}"
    return f"{len(machine.gpus)} GPU(s) with memory {memory(machine.gpus[0].memory_bytes)}, {cores}"


def assumed_machine(gpus: int) -> Machine:
    """A machine of which only the slots matter."""
    gpu = Gpu("assumed", NO_LIMIT_BYTES, multiprocessors=1)
    return Machine(
        name="assumed",
        origin="modelled",
        processor="not known",
        cores=tuple(range(LEAST_CORES)),
        sockets=1,
        cache_bytes={},
        memory_bytes=NO_LIMIT_BYTES,
        core_capacity=(),
        bandwidth_gbps=(),
        matmul_gflops=(),
        worker_startup_s=1.0,
        probe_s=1.0,
        gpus=(gpu,) * gpus,
        fingerprint=NOT_KNOWN,
    )


def with_cores_for(machine: Machine, wanted: Wanted) -> Machine:
    """``machine`` with enough cores for the most ``wanted`` slots, and at least ``LEAST_CORES`` for
    each GPU. Raises :class:`InputError` for slots of GPUs that it lacks."""
    said = wanted.by_kind(machine)
    on_gpus = len(machine.gpus) * _most(said.gpu_slots, 0) * _most(said.gpu_threads, 1)
    on_cpu = _most(said.cpu_slots, 1) * _most(said.cpu_threads, 1)
    least = LEAST_CORES * max(1, len(machine.gpus))
    cores = max(least, on_gpus + on_cpu)
    return replace(machine, cores=tuple(range(cores)))


def problem_of_table(
    workload: Workload, table: DurationTable, machine: Machine, wanted: Wanted
) -> Problem:
    """The same on ``machine``. Slots may have any of the ``wanted`` counts of threads: a job's
    duration is the same with each."""
    said = wanted.by_kind(machine)
    threads = {
        kind: sorted({1, *(counts or ())})
        for kind, counts in (("gpu", said.gpu_threads), ("cpu", said.cpu_threads))
    }
    jobs = []
    for job in workload.jobs:
        profile = _profile(job, table.of(job.id, job.model), machine, threads)
        jobs.append(ProfiledJob(job, profile.key, profile))
    return Problem(workload, machine, tuple(jobs))


def _most(counts: Counts | None, default: int) -> int:
    return max(counts, default=default) if counts is not None else default


def _profile(
    job: Job,
    rows: Mapping[str, Duration],
    machine: Machine,
    threads: Mapping[str, list[int]],
) -> ModelProfile:
    """The profile of ``job``, whose steps are equal parts of its duration."""
    ordered = [rows[kind] for kind in KINDS if kind in rows]
    return ModelProfile(
        identity=job.identity,
        machine=machine.name,
        origin="table",
        steps=tuple(
            StepCost.unmeasured(
                row.device, count, row.duration_s / job.steps * 1e6, build_s=row.startup_s
            )
            for row in ordered
            for count in threads[row.device]
        ),
        memory=tuple(MemoryCost(row.device, *(None,) * 5, row.peak_bytes or 0) for row in ordered),
        startup_s=0.0,
        warmup_steps=0,
        flops=None,
        bytes=None,
        intensity=None,
        bandwidth_gbps=None,
        utilisation={r.device: r.utilisation for r in ordered if r.utilisation is not None},
        job_type={row.device: row.job_type for row in ordered if row.job_type is not None},
        probe_s=machine.probe_s,
        fingerprint=machine.fingerprint,
    )
