"""Measured job types and utilisations compared with RMixer's assumptions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from experiments.tables.terms import explained
from profiles.assembling.job_type import core_balance
from profiles.assembling.operator_times import total_work
from rmixer.data.registry import SYNTHETIC
from rmixer.display.quantities import ABSENT, percent
from rmixer.display.tables import NumberTable
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import JobType, Kind, ModelProfile
from rmixer.models.registry import MODELS
from rmixer.workload.cost_identity import CostIdentity, is_present


@dataclass(frozen=True)
class RMixerConstant:
    """One model's type, and its assumed utilisation of a GPU (0 to 1)."""

    job_type: JobType
    utilisation: float


RMIXER_CONSTANTS = {
    "criteo_widedeep": RMixerConstant("compute", 0.27),
    "criteo_deepfm": RMixerConstant("low", 0.0447),
    "criteo_dcn": RMixerConstant("low", 0.059),
    "criteo_dcn2": RMixerConstant("compute", 0.25),
    "criteo_difm": RMixerConstant("compute", 0.395),
    "criteo_dlrm": RMixerConstant("compute", 0.23),
    "avazu_flen": RMixerConstant("memory", 0.05),
    "avazu_widedeep": RMixerConstant("compute", 0.55),
    "alidisplay_dmr": RMixerConstant("compute", 0.18),
    "amazon_din": RMixerConstant("low", 0.048),
    "amazon_dien": RMixerConstant("memory", 0.072),
    "amazon_bst": RMixerConstant("memory", 0.068),
    "kdd_dpin": RMixerConstant("compute", 0.15),
    "beauty_bert4rec": RMixerConstant("compute", 0.22),
}
"""RMixer's assumed job types and utilisations, which we measure instead.

Source: the scheduler of the RMixer repository (github.com/Gardenia-Tian/RMixer, MIT), for the
figures of Tian et al., IEEE TPDS 2024, doi 10.1109/TPDS.2024.3432620: the utilisations of its
``arithmetic_intensity_dict``, in percent there, and its three sets of names: high-arithmetic,
high-memory and both-low. They are of PaddlePaddle 2.4.2 on an unnamed GPU at unnamed batch sizes.
``criteo_flen`` and all models that are not RMixer's have no constants.
"""
DOUBT = "too near the border to be sure; shown is the type of most batch sizes of the model"


@dataclass(frozen=True)
class TypeRow:
    """One profile on one kind of device, with the evidence for its type. ``settings`` are those
    that differ from the model's, in words; ``batch`` is 0 for a program. ``compute_slowdown`` and
    ``stream_slowdown`` are those next to the most bubbles (None: no core was left for one). Unknown
    figures are None too. Utilisations are fractions. A ``doubtful`` type has figures within their
    error of a border: it is that of most of the model's sizes."""

    model: str
    settings: str
    batch: int
    device: Kind
    job_type: JobType
    utilisation: float
    intensity: float | None
    compute_slowdown: float | None
    stream_slowdown: float | None
    rmixer_job_type: JobType | None
    rmixer_utilisation: float | None
    doubtful: bool = False


def type_rows(profiles: Iterable[ModelProfile]) -> list[TypeRow]:
    """A row for each profile and kind of device, by model and batch. Of profiles of one step from
    sources that changed, those of the present sources are shown, if there are any."""
    by_step: dict[tuple[object, ...], list[ModelProfile]] = defaultdict(list)
    for profile in profiles:
        found = profile.identity
        by_step[found.model, found.batch, _settings(found)].append(profile)
    shown = [profile for alike in by_step.values() for profile in _present(alike)]
    rows = [_row(profile, kind) for profile in shown for kind in profile.job_type]
    return sorted(rows, key=lambda row: (row.model, row.batch, row.device))


def _present(profiles: list[ModelProfile]) -> list[ModelProfile]:
    return [profile for profile in profiles if is_present(profile.identity)] or profiles


def _settings(identity: CostIdentity) -> str:
    """The settings that differ from the model's, in words."""
    if identity.model not in MODELS:
        return ""
    parts = [
        identity.optimizer if identity.optimizer != MODELS[identity.model].optimizer else "",
        identity.precision if identity.precision != "fp32" else "",
        f"rows {identity.rows_cap}" if identity.rows_cap else "",
        "" if identity.data.endswith(f":{SYNTHETIC}") else "own data",
    ]
    return ", ".join(part for part in parts if part)


def _row(profile: ModelProfile, kind: Kind) -> TypeRow:
    model = profile.identity.model
    given = RMIXER_CONSTANTS.get(model)
    beside = [cost for cost in profile.steps if cost.device == kind and cost.stream_slowdown]
    return TypeRow(
        model=profile.identity.label,
        settings=_settings(profile.identity),
        batch=profile.identity.batch,
        device=kind,
        job_type=profile.job_type[kind],
        utilisation=profile.utilisation[kind],
        intensity=profile.intensity if kind == "cpu" else _gpu_intensity(profile),
        compute_slowdown=beside[0].compute_slowdown[-1] if beside else None,
        stream_slowdown=beside[0].stream_slowdown[-1] if beside else None,
        rmixer_job_type=given.job_type if given else None,
        rmixer_utilisation=given.utilisation if given else None,
        doubtful=kind in profile.doubtful_type,
    )


def _gpu_intensity(profile: ModelProfile) -> float | None:
    """FLOPs per byte of the operators on the GPU, with the fewest host threads; None if unknown."""
    rows = [cost for cost in profile.operators if cost.lane == "gpu"]
    fewest = min((cost.threads for cost in rows), default=0)
    flops, moved = total_work(rows, fewest)
    return flops / moved if moved else None


def agreement(rows: Sequence[TypeRow]) -> str:
    """A text: the number of types that equal RMixer's, and Spearman's rank correlation of
    utilisations."""
    both = [row for row in rows if row.rmixer_job_type]
    if not both:
        return "RMixer has figures for none of them"
    same = sum(row.job_type == row.rmixer_job_type for row in both)
    text = f"{same} of {len(both)} types are RMixer's"
    ours = [row.utilisation for row in both]
    theirs = [row.rmixer_utilisation or 0.0 for row in both]
    if len(set(ours)) > 2 and len(set(theirs)) > 2:
        from scipy.stats import spearmanr  # here: its import takes most of a second

        text += f"; rank correlation of utilisations {spearmanr(ours, theirs).statistic:+.2f}"
    return text


def types_table(rows: Sequence[TypeRow], machine: Machine) -> NumberTable:
    """The rows, with RMixer's figures to the right and the criteria of types below."""
    balance = f"machine balance {core_balance(machine):.1f} FLOP/byte a core"
    doubted = sum(row.doubtful for row in rows)
    why = f"\n? doubtful, {doubted} of {len(rows)}: {DOUBT}" if doubted else ""
    table = NumberTable(
        f"Job types on {machine.name}",
        caption=f"{agreement(rows)}\n{balance}{why}\n{explained('busy alone', 'slowed by')}",
        padding=(0, 1, 0, 0),
    )
    table.folded("model").numbers("batch").words("on", "type")
    table.numbers("busy\nalone", "FLOP\n/byte", "slowed by\ncompute", "slowed by\nstreams")
    table.words("RMixer's\ntype").numbers("\nbusy")
    for row in rows:
        table.add_row(
            f"{row.model} ({row.settings})" if row.settings else row.model,
            str(row.batch) if row.batch else ABSENT,
            row.device,
            f"{row.job_type} ?" if row.doubtful else row.job_type,
            percent(row.utilisation),
            ABSENT if row.intensity is None else f"{row.intensity:.2f}",
            _times(row.compute_slowdown),
            _times(row.stream_slowdown),
            row.rmixer_job_type or ABSENT,
            percent(row.rmixer_utilisation),
            style=None if row.rmixer_job_type in (None, row.job_type) else "yellow",
        )
    return table


def _times(slowdown: float | None) -> str:
    return ABSENT if slowdown is None else f"{slowdown:.2f}×"
