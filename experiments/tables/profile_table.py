"""Tables of a profile: the step, its most expensive operators, memory and phases."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group
from rich.text import Text

from experiments.operators.operator_shares import operator_shares
from experiments.tables.terms import explained
from rmixer.display.quantities import (
    ABSENT,
    count,
    milliseconds,
    percent,
    seconds,
    signed_percent,
    size,
)
from rmixer.display.tables import NumberTable
from rmixer.model_profile.model_profile import Kind, ModelProfile, StepCost


def profile_table(profile: ModelProfile, top: int = 12) -> Group:
    """Tables of one profile: its step by device and threads, its ``top`` operators, its memory, and
    the rest in words."""
    identity = profile.identity
    heading = Text(f"{identity.model}, batch {identity.batch}", style="bold")
    kind = f"{identity.optimizer}, {identity.precision}"
    if identity.is_program:
        heading = Text(identity.architecture, style="bold")
        versions = {"Python": identity.config["python"], "torch": identity.config["torch"]}
        kind = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    modelled = ", modelled" if profile.origin == "modelled" else ""
    heading.append(f" ({kind}) on {profile.machine}{modelled}", style="default")
    return Group(
        heading,
        _facts(profile),
        explained("busy alone"),
        _step_table(profile),
        _trust_table(profile),
        explained("left out", "far cores", "closure"),
        _phase_table(profile),
        explained("slowed by", "pressure"),
        _program_table(profile) if identity.is_program else _operator_table(profile, top),
        _memory_table(profile),
    )


def _facts(profile: ModelProfile) -> Text:
    kinds = ", ".join(
        f"{kind}: {profile.job_type[kind]} job{_doubt(profile, kind)}, "
        f"{percent(profile.utilisation[kind])} busy alone"
        for kind in profile.job_type
    )
    return Text(
        f"{_work(profile)}\n{kinds}{_input_bound(profile)}\n"
        f"start-up {seconds(profile.startup_s)}, {profile.warmup_steps} warm-up steps, "
        f"profile {profile.key}"
    )


def _doubt(profile: ModelProfile, kind: Kind) -> str:
    return " (doubtful: too near the border)" if kind in profile.doubtful_type else ""


def _input_bound(profile: ModelProfile) -> str:
    """The shares of the step with the fewest threads that wait for its batch, if known."""
    share = profile.input_bound(profile.steps[0].threads)
    return "" if share is None else f"; input-bound: {percent(share)}"


def _work(profile: ModelProfile) -> str:
    if profile.flops is None or profile.intensity is None or profile.bandwidth_gbps is None:
        return "a command job: its operators are unknown"
    return (
        f"{count(profile.flops, 'FLOP')} and {size(profile.bytes)} a step, "
        f"{profile.intensity:.2f} FLOP/byte, {profile.bandwidth_gbps:.2f} GB/s"
    )


def _program_table(profile: ModelProfile) -> NumberTable:
    table = NumberTable("What a step uses, in all its processes").words("device")
    table.numbers("threads", "cores' time", "cores busy", "GPU's time")
    for step in profile.steps:
        busy = None if step.core_us is None else step.core_us / step.expected_us
        table.add_row(
            step.device,
            str(step.threads),
            milliseconds(None if step.core_us is None else step.core_us / 1e3),
            ABSENT if busy is None else f"{busy:.2f}",
            milliseconds(None if step.gpu_us is None else step.gpu_us / 1e3),
        )
    return table


def _step_table(profile: ModelProfile) -> NumberTable:
    table = NumberTable("A step without the profiler").words("device")
    table.numbers("threads", "median", "10th – 90th percentile", "mean", "stalls")
    for step in profile.steps:
        table.add_row(
            step.device,
            str(step.threads),
            milliseconds(step.p50_us / 1e3),
            f"{milliseconds(step.p10_us / 1e3)} – {milliseconds(step.p90_us / 1e3)}",
            milliseconds(step.mean_us / 1e3),
            f"{how.stalls} of {how.n}" if (how := step.measurement) else ABSENT,
        )
    return table


def _trust_table(profile: ModelProfile) -> NumberTable:
    table = NumberTable("How exact these times are").words("device")
    twice = "two halves" if profile.identity.is_program else "two workers"
    table.numbers("threads", "± 95%", twice, "rounds", "left out", "far cores", "closure")
    for step in profile.steps:
        how = step.measurement
        if how is None:
            table.add_row(step.device, str(step.threads), *(ABSENT,) * 6)
            continue
        table.add_row(
            step.device,
            str(step.threads),
            percent(how.half_width),
            signed_percent(how.repeatability),
            str(how.rounds),
            str(how.dropped_rounds),
            signed_percent(step.apart_us / step.mean_us if step.exchange_us else None),
            _closure(how.closure),
        )
    return table


def _phase_table(profile: ModelProfile) -> NumberTable:
    table = NumberTable("Other phases, and neighbours").words("device")
    names = ("build", "warm-up", "evaluate", "save", "slowed by\ncompute", "slowed by\nstreams")
    table.numbers("threads", *names, "pressure")
    for step in profile.steps:
        # What a program does after its last step is not seen.
        after = (None, None) if profile.identity.is_program else (step.evaluate_s, step.save_s)
        table.add_row(
            step.device,
            str(step.threads),
            *(seconds(s) for s in (step.build_s, step.warmup_s, *after)),
            *(f"{s[-1]:.2f}×" if s else ABSENT for s in _slowdowns(step)),
            _pressure(step),
        )
    return table


def _pressure(step: StepCost) -> str:
    known = step.pressure is not None and any(_slowdowns(step))
    return f"{step.pressure:.2f}" if known else ABSENT


def _slowdowns(step: StepCost) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return step.compute_slowdown, step.stream_slowdown


def _closure(closure: dict[str, float]) -> str:
    if len(closure) == 1:
        return signed_percent(next(iter(closure.values())))
    return "\n".join(f"{lane} {signed_percent(part)}" for lane, part in closure.items()) or ABSENT


def _operator_table(profile: ModelProfile, top: int) -> NumberTable:
    shares = operator_shares(profile)
    lanes = sorted({lane for share in shares for lane in share.share})
    table = NumberTable("Operators of a step").words("phase").shortened("operator").numbers("calls")
    for lane, threads in lanes:
        where = "" if lane == "cpu" else f"{lane}, "
        noun = "thread" if threads == 1 else "threads"
        table.numbers(f"share\n{where}{threads} {noun}")
    table.numbers("work", "bytes")
    for share in shares[:top]:
        table.add_row(
            share.phase,
            share.operator,
            str(share.calls) if share.calls else "",
            *(percent(share.share.get(lane)) for lane in lanes),
            count(share.flops, "FLOP") if share.flops else "",
            size(share.bytes) if share.bytes else "",
        )
    if rest := shares[top:]:
        table.add_row(
            "",
            f"{len(rest)} more",
            str(sum(share.calls for share in rest)),
            *(percent(sum(share.share.get(lane, 0.0) for share in rest)) for lane in lanes),
            count(sum(share.flops for share in rest), "FLOP"),
            size(sum(share.bytes for share in rest)),
            style="dim",
        )
    return table


def _memory_table(profile: ModelProfile) -> NumberTable:
    table = NumberTable("Memory").words("device")
    table.numbers("parameters", "gradients", "optimizer", "activations", "context", "peak")
    for memory in profile.memory:
        parts: Iterable[int | None] = (
            memory.parameter_bytes,
            memory.gradient_bytes,
            memory.optimizer_bytes,
            memory.activation_bytes,
            memory.context_bytes,
            memory.peak_bytes,
        )
        table.add_row(memory.device, *(size(part) for part in parts))
    return table
