"""Fakes of what the other stages write: summaries, timelines, profiles, sweeps."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from experiments.run_files.sweep_file import SweepRow
from rmixer.hardware.fingerprint import Fingerprint
from rmixer.model_profile.model_profile import MemoryCost, ModelProfile, StepCost, StepMeasurement
from rmixer.operators.operator_cost import OperatorCost
from rmixer.run_record.run_summary import DeviceSummary, JobSummary, RunSummary
from rmixer.run_record.timeline import Interval, Timeline
from rmixer.workload.cost_identity import CostIdentity

GIB = 2**30
MODELS = ("criteo_dlrm", "criteo_deepfm", "amazon_din")
STEP_MS = {"criteo_dlrm": 12.0, "criteo_deepfm": 21.0, "amazon_din": 7.5}


def job(
    name: str,
    *,
    end_s: float = 10.0,
    step_ms: float | None = 4.0,
    start_s: float = 0.0,
    slot: int = 0,
    steps: int = 500,
) -> JobSummary:
    """One job's summary; the model is what the name says before its last dash."""
    return JobSummary(
        id=name,
        model=name.rpartition("-")[0] or name,
        device="cpu:0",
        slot=slot,
        threads=1,
        attempt=1,
        start_s=start_s,
        end_s=end_s,
        steps=steps,
        samples=steps * 256,
        step_ms_p50=step_ms,
        step_ms_mean=step_ms,
        stall_s=0.0,
        peak_bytes=GIB,
        state="done",
    )


def summary(
    jobs: Sequence[JobSummary],
    *,
    run: str = "measured",
    makespan_s: float | None = None,
    policy: str = "dyType",
    probe_s: float | None = None,
) -> RunSummary:
    """A run's summary; its makespan is the last job's end unless given."""
    last = max((each.end_s for each in jobs), default=0.0)
    return RunSummary(
        run=run,
        workload="quickstart",
        machine="laptop",
        origin="measured",
        policy=policy,
        makespan_s=last if makespan_s is None else makespan_s,
        samples_per_s=1000.0,
        startup_s=3.0,
        jobs=tuple(jobs),
        devices=(DeviceSummary("cpu:0", 0.9, 2 * GIB),),
        probe_s=probe_s,
    )


def fail(run: RunSummary, name: str) -> RunSummary:
    """The same run, in which one job failed."""
    jobs = tuple(replace(each, state="failed") if each.id == name else each for each in run.jobs)
    return replace(run, jobs=jobs)


def job_names(count: int, models: Sequence[str] = MODELS) -> list[str]:
    """``count`` ids, the models in turn: criteo_dlrm-0, criteo_deepfm-0, amazon_din-0, ..."""
    return [f"{models[i % len(models)]}-{i // len(models)}" for i in range(count)]


def packed_run(
    names: Sequence[str], slots: int, *, run: str, noise: float = 0.0, seed: int = 0
) -> tuple[RunSummary, Timeline]:
    """Jobs put on the first free slot, each queued, built, warmed up, trained, evaluated and
    saved; ``noise`` is the relative spread of its pace."""
    draw = random.Random(seed)
    free_s = [0.0] * slots
    timeline, jobs = Timeline(), []
    for name in names:
        slot = min(range(slots), key=free_s.__getitem__)
        model = name.rpartition("-")[0]
        pace = 1.0 + noise * draw.gauss(0.0, 1.0)
        step_ms = STEP_MS.get(model, 9.0) * pace * (1.0 if slots == 1 else 1.15)
        steps = 500
        start_s = now_s = free_s[slot]
        waits = Interval(run, name, 1, model, "queued", "", slot, "cpu", 0.0, start_s)
        if start_s > 0:
            timeline.add(waits)
        for kind, length_s in (
            ("build", 0.5 * pace),
            ("warmup", 0.3 * pace),
            ("train", steps * step_ms / 1e3),
            ("evaluate", 0.25),
            ("save", 0.12),
        ):
            row = waits._replace(kind=kind, device="cpu:0", start_s=now_s, duration_s=length_s)
            timeline.add(row._replace(steps=float(steps)) if kind == "train" else row)
            now_s += length_s
        free_s[slot] = now_s
        jobs.append(
            job(name, end_s=now_s, step_ms=step_ms, start_s=start_s, slot=slot, steps=steps)
        )
    return summary(jobs, run=run, policy="dyType" if slots > 1 else "sequential"), timeline


OPERATORS = (
    # phase, operator, microseconds, gap before, FLOPs, bytes
    ("input", "input", 180.0, 2.0, 0, 0),
    ("forward", "aten::index_select", 420.0, 4.0, 0, 2_000_000),
    ("forward", "aten::linear", 900.0, 3.0, 180_000_000, 3_000_000),
    ("forward", "aten::relu", 60.0, 2.0, 130_000, 1_000_000),
    ("forward", "aten::bmm", 210.0, 3.0, 9_000_000, 900_000),
    ("forward", "aten::cat", 50.0, 2.0, 0, 800_000),
    ("forward", "aten::binary_cross_entropy_with_logits", 20.0, 2.0, 1_000, 4_000),
    ("backward", "aten::mm", 1500.0, 9.0, 360_000_000, 6_000_000),
    ("backward", "aten::threshold_backward", 70.0, 4.0, 130_000, 1_000_000),
    ("backward", "aten::index_add_", 510.0, 5.0, 400_000, 4_000_000),
    ("optimizer", "aten::_fused_adam_", 380.0, 12.0, 500_000, 8_000_000),
    ("optimizer", "aten::index_add_", 690.0, 6.0, 900_000, 9_000_000),
)


def profile(model: str = "criteo_dlrm", *, threads: Sequence[int] = (1, 2)) -> ModelProfile:
    """A profile of twelve operators; products take 1 / 1.8 of the time on each doubling."""
    draw = random.Random(model)
    factor = {name: draw.uniform(0.4, 1.9) for _, name, *_ in OPERATORS}
    costs = []
    for count in threads:
        for index, (phase, name, time_us, gap_us, flops, size) in enumerate(OPERATORS):
            speed = count**0.85 if name in ("aten::linear", "aten::mm", "aten::bmm") else 1.0
            mean_us = time_us * factor[name] / speed
            costs.append(
                OperatorCost(
                    index=index,
                    phase=phase,
                    module="top_mlp.0",
                    operator=name,
                    forward_index=-1,
                    shapes="256x512",
                    flops=flops,
                    read_bytes=size // 2,
                    written_bytes=size - size // 2,
                    lane="cpu",
                    threads=count,
                    p10_us=0.9 * mean_us,
                    p50_us=0.98 * mean_us,
                    p90_us=1.2 * mean_us,
                    mean_us=mean_us,
                    gap_before_us=gap_us,
                    host_us=0.0,
                )
            )
    return ModelProfile(
        identity=CostIdentity(
            model, "m:M", {"dim": 16}, 256, "adam", "fp32", None, "criteo_kaggle:synthetic", "00"
        ),
        machine="laptop",
        origin="measured",
        steps=tuple(_step(costs, count) for count in threads),
        memory=(MemoryCost("cpu", 64 << 20, 64 << 20, 128 << 20, 9 << 20, 290 << 20, 560 << 20),),
        startup_s=2.9,
        warmup_steps=10,
        flops=sum(row[4] for row in OPERATORS),
        bytes=sum(row[5] for row in OPERATORS),
        intensity=15.2,
        bandwidth_gbps=7.1,
        utilisation={"cpu": 0.62},
        job_type={"cpu": "compute"},
        probe_s=0.05,
        fingerprint=Fingerprint("cpu", "Linux", "", "3.11", "2.8", "0.1", "abc", "passive"),
        operators=tuple(costs),
    )


def _step(costs: Sequence[OperatorCost], threads: int) -> StepCost:
    mean_us = sum(c.mean_us + c.gap_before_us for c in costs if c.threads == threads)
    return StepCost(
        device="cpu",
        threads=threads,
        mean_us=mean_us,
        p10_us=0.93 * mean_us,
        p50_us=0.98 * mean_us,
        p90_us=1.1 * mean_us,
        stall_us=12.0,
        scale={"cpu": 1.0},
        compute_slowdown=(1.05,),
        stream_slowdown=(1.22,),
        pressure=0.4,
        build_s=0.52,
        warmup_s=0.31,
        evaluate_s=0.25,
        save_s=0.12,
        measurement=StepMeasurement(
            n=300,
            stalls=1,
            half_width=0.012,
            repeatability=0.02,
            rounds=6,
            dropped_rounds=1,
            closure={"cpu": 0.021 * threads},
        ),
    )


SWEEP = (
    SweepRow("sequential", 0, 1, 0, 2, 41.2, 1.0, 22.1, GIB // 2, "job level"),
    SweepRow("dyType", 0, 2, 0, 1, 27.9, 1.477, 19.0, GIB, "job level"),
    SweepRow("dySequ", 0, 2, 0, 1, 28.6, 1.441, 19.4, GIB, "job level"),
    SweepRow("dyRand", 0, 2, 0, 1, 29.8, 1.383, 20.0, GIB, "operator level"),
    SweepRow("all_at_once", 0, 6, 0, 1, 33.0, 1.248, 27.5, 3 * GIB, "job level"),
    SweepRow("dyType", 0, 2, 0, 2, why="slots × threads are more than the 2 cores"),
)
