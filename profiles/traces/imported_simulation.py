"""Converts an imported profile for the simulator, if the user has given all that it lacks."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from profiles.work.operator_formulas import known_sum
from rmixer.errors import InputError
from rmixer.hardware.fingerprint import NOT_KNOWN
from rmixer.hardware.machine import Machine
from rmixer.imported.imported_profile import ImportedProfile
from rmixer.model_profile.model_profile import JobType, MemoryCost, ModelProfile, StepCost
from rmixer.operators.operator_cost import UNKNOWN_PHASE
from rmixer.workload.cost_identity import CostIdentity

_OPTIONS = {
    "batch": "--batch",
    "threads": "--threads",
    "peak_bytes": "--peak-memory",
    "step_us": "--step-ms",
    "job_type": "--job-type",
}
"""Figures that a simulation needs and no trace has, with the option for each."""


def simulated_profile(
    imported: ImportedProfile, identity: CostIdentity, machine: Machine
) -> ModelProfile:
    """``imported`` under ``identity`` for simulations on ``machine``; raises :class:`InputError`
    that names all missing figures.

    Its operators and gaps are scaled to the step without the profiler; for a GPU only the host's
    part, because the profiler slows the host. If the bytes of an operator are unknown, all have
    equal memory weight. Phases other than training take no time, and there are no stalls and no
    pressure. Its origin is ``modelled``: it was not measured on this machine.
    """
    _check(imported)
    threads, step_us = cast(int, imported.threads), cast(float, imported.step_us)
    kind = imported.device
    scale = step_us / imported.profiled_mean_us
    flops = known_sum(row.flops for row in imported.operators)
    total = known_sum(row.moved_bytes for row in imported.operators)
    return ModelProfile(
        identity=identity,
        machine=machine.name,
        origin="modelled",
        steps=(
            StepCost.unmeasured(
                kind,
                threads,
                step_us,
                p10_us=imported.profiled_p10_us * scale,
                p50_us=imported.profiled_p50_us * scale,
                p90_us=imported.profiled_p90_us * scale,
                scale={"cpu": min(1.0, scale)} if kind == "gpu" else {},
            ),
        ),
        memory=(MemoryCost(kind, *(None,) * 5, cast(int, imported.peak_bytes)),),
        startup_s=machine.worker_startup_s,
        warmup_steps=0,
        flops=flops,
        bytes=total,
        intensity=flops / total if flops is not None and total else None,
        bandwidth_gbps=total / step_us * 1e-3 if total is not None else None,
        utilisation={kind: _busy(imported, step_us)},
        job_type={kind: cast(JobType, imported.job_type)},
        probe_s=machine.probe_s,
        fingerprint=replace(
            NOT_KNOWN, hardware=imported.hardware or "", driver=imported.driver or ""
        ),
        operators=tuple(
            replace(
                row,
                phase=row.phase or UNKNOWN_PHASE,
                read_bytes=None if total is None else row.read_bytes,
                gap_before_us=row.t1_us if row.lane == "cpu" else row.gap_before_us,
            )
            for row in imported.operators
        ),
    )


def _check(imported: ImportedProfile) -> None:
    """Raises one :class:`InputError` for all figures that are missing."""
    missing = [option for name, option in _OPTIONS.items() if getattr(imported, name) is None]
    if missing:
        found = f"unknown {', '.join(option.removeprefix('--') for option in missing)}"
        allowed = f"said to be known: `rmixer profile import FILE {' ... '.join(missing)} ...`"
        raise InputError(f"imported profile {imported.name}", "simulation", found, allowed)


def _busy(imported: ImportedProfile, step_us: float) -> float:
    """The share of a step that its device works on operators: of a GPU's own time, which the
    profiler does not lengthen, or of the host's."""
    busy_us = sum(row.mean_us for row in imported.operators if row.lane == imported.device)
    whole_us = step_us if imported.device == "gpu" else imported.profiled_mean_us
    return min(1.0, busy_us / whole_us)
