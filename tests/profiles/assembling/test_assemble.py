"""What becomes of the measurements, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_up_rounds import rounds_of

from profiles.assembling.assemble import Found, assemble, event_costs
from profiles.assembling.disturbance import disturbed, report_disturbed
from profiles.machines.bubble import Work
from profiles.measurements.neighbours import Neighbours
from profiles.measurements.phases import PhaseTimes
from profiles.measurements.quiet_rounds import Round
from profiles.profiler.job_in_profiling import _far_apart, _others_had_its_cores
from profiles.traces.profiler_events import INPUT_MARK, Called
from profiles.work.operator_formulas import OperatorWork
from rmixer.model_profile.model_profile import ModelProfile, StepCost, StepMeasurement
from rmixer.testing.made_up import make_job, make_machine, make_profile

MS = 1e-3
EVENT_US = 2.0
RATIOS: dict[tuple[Work, int], list[float]] = {
    ("compute", 1): [1.1, 1.3, 1.2],
    ("stream", 1): [1.5],
}


def profiled(duration_us: float, gap_us: float) -> dict[str, Any]:
    """Two steps of the input and one product as the profiler saw them, which paid for one event
    inside each and for one between them."""
    return {
        "names": [INPUT_MARK, "aten::mm"],
        "durations": np.array([[100.0, duration_us + EVENT_US / 2]] * 2),
        "gaps": np.array([[0.0, gap_us + 1.5 * EVENT_US]] * 2),
        "events": np.array([1, 1]),
        "events_before": np.array([0, 1]),
    }


def blocks(step_s: float, probes_s: list[float], duration_us: float = 880.0) -> list[Round]:
    """A round for each probe; a slow probe's steps are slow too."""
    slow = [probe / min(probes_s) for probe in probes_s]
    return rounds_of(
        probes_s,
        [[step_s * factor] * 5 for factor in slow for _ in range(2)],
        [profiled(duration_us * factor, 20.0) for factor in slow],
        event_us=[EVENT_US * factor for factor in slow],
    )


def told(rounds: list[Round], name: str, *values: float) -> list[Round]:
    """The same, with other ``values`` of one figure."""
    changes: list[dict[str, Any]] = [{name: value} for value in values]
    return [replace(each, **change) for each, change in zip(rounds, changes, strict=True)]


def found(*passes: list[Round], first_steps_s: tuple[float, ...] = (1 * MS,) * 5) -> Found:
    sizes = {"parameter_bytes": 8, "gradient_bytes": 4, "optimizer_bytes": 16}
    calls = [Called(INPUT_MARK, 0.0, phase="input"), Called("aten::mm", 0.0, phase="forward")]
    calls[1].work = OperatorWork(12_000, 3_200, 1_200)
    return Found(
        threads=1,
        idle_bytes=100,
        phases=PhaseTimes(0.5, 0.1, 0.2, first_steps_s, 1000),
        ready={"sizes": sizes},
        structure={"calls": calls, "peak_bytes": 64},
        passes=list(passes),
        neighbours=Neighbours(RATIOS, [0.2, 0.6, 0.4]),
    )


def made(*passes: list[Round], **changes: Any) -> ModelProfile:
    return assemble(make_job(), make_machine(), [found(*passes, **changes)], 0.05)


def how(step: StepCost) -> StepMeasurement:
    assert step.measurement is not None
    return step.measurement


def measured_as(step: StepCost, **changes: Any) -> StepCost:
    return replace(step, measurement=replace(how(step), **changes))


def test_what_the_profiler_costs_is_taken_out() -> None:
    """Input 100 - 1 us, product 880 us and 20 us before it: 999 of 1000 us."""
    (step,) = (profile := made(blocks(1 * MS, [0.05] * 3))).steps
    assert [cost.mean_us for cost in profile.operators] == pytest.approx([99.0, 880.0])
    assert [cost.gap_before_us for cost in profile.operators] == pytest.approx([0.0, 20.0])
    assert step.mean_us == pytest.approx(1000.0)
    assert how(step).closure == {"cpu": pytest.approx(-0.001)}
    assert step.scale == {"cpu": pytest.approx(1000 / 999)}
    assert (profile.flops, profile.bytes) == (12_000, 4_400)


def test_what_an_event_cost_in_earlier_jobs_counts_as_well() -> None:
    """The median of 1, 1 and 1 us in its own rounds, and of 3, 3, 3 and 2 before, is 2: of the
    product's nested events and a half they take twice as much."""
    counts = [found(blocks(1 * MS, [0.05] * 3))]
    assert event_costs(counts, "cpu") == [EVENT_US] * 3
    earlier: Any = {"cpu": [3 * EVENT_US] * 3 + [2 * EVENT_US], "gpu": [100.0]}
    profile = assemble(make_job(), make_machine(), counts, 0.05, earlier)
    # At 4 us an event, half of one is taken out of each: 100 - 2 and 881 - 2.
    assert [cost.mean_us for cost in profile.operators] == pytest.approx([98.0, 879.0])
    assert event_costs(counts, "gpu") == []


def test_rounds_in_which_the_machine_was_slow_are_counted_and_left_out() -> None:
    (step,) = (profile := made(blocks(1 * MS, [0.05, 0.15, 0.05]))).steps
    assert (how(step).rounds, how(step).dropped_rounds) == (2, 1)
    assert how(step).n == 2 * 2 * 5
    assert step.mean_us == pytest.approx(1000.0)
    assert profile.operators[1].mean_us == pytest.approx(880.0)


def test_rounds_in_which_the_cores_were_far_apart_are_left_out_too() -> None:
    """A step took 1.4 times as long in the first worker's last round and all of the second's."""
    near, far = blocks(1 * MS, [0.05] * 3), blocks(1.4 * MS, [0.05] * 2)
    slow = [[1.4 * MS] * 5] * 2
    near[2] = replace(near[2], plain=tuple(slow), profiled=profiled(880.0 + 0.4 * 1004, 20.0))
    near, far = told(near, "exchange_us", 40.0, 42.0, 70.0), told(far, "exchange_us", 70.0, 71.0)
    (step,) = made(near, far).steps
    assert (how(step).rounds, how(step).dropped_rounds, step.exchange_us) == (2, 3, 41.0)
    assert step.mean_us == pytest.approx(1000.0)
    assert step.apart_us == pytest.approx(0.6 * 400)  # 30 of 50 steps
    assert step.expected_us == pytest.approx(1240.0)
    assert step.scale["cpu"] == pytest.approx(1240 / 999)
    # Of all rounds of both workers, for one has none that counts.
    assert how(step).repeatability == pytest.approx(1.4 / (3.4 / 3) - 1)


def test_cores_that_were_far_apart_all_the_while_are_told() -> None:
    far = told(blocks(1.4 * MS, [0.05] * 2), "exchange_us", 70.0, 74.0)
    measured = found(far)
    measured.fastest_exchange_us = 40.0
    (step,) = assemble(make_job(), make_machine(), [measured], 0.05).steps
    assert (how(step).rounds, step.exchange_us, step.apart_us) == (2, 72.0, 0.0)
    assert "exchanged data 1.8 times as slowly" in _far_apart(measured, step)


def test_others_that_had_the_cores_are_told() -> None:
    """All the while; in one worker's rounds, and the other's count; in the phases alone; not in
    one round of three."""
    alone = told(blocks(1 * MS, [0.05] * 3), "waited", 0.0, 0.3, 0.01)
    shared = told(blocks(1.9 * MS, [0.05] * 2), "waited", 0.48, 0.46)
    (step,) = made(shared).steps
    assert (how(step).waited, how(step).rounds, how(step).dropped_rounds) == (0.48, 2, 0)
    said = "with 1 thread(s) it waited 48% of the time for its cores, used by others"
    assert disturbed(step) == _others_had_its_cores(found(shared), step) == said
    (step,) = made(alone, shared).steps
    assert (how(step).waited, how(step).rounds, how(step).dropped_rounds) == (0.01, 2, 3)
    said = _others_had_its_cores(found(alone, shared), step)
    assert said.startswith(
        "with 1 thread(s) other programs used the cores of one of its two workers"
    )
    (step,) = made(alone).steps
    assert _others_had_its_cores(found(alone), step) == disturbed(step) == ""
    measured = found(alone)
    assert measured.phases
    measured.phases = replace(measured.phases, waited=0.2)
    (step,) = assemble(make_job(), make_machine(), [measured], 0.05).steps
    assert "it waited 20% of the time" in _others_had_its_cores(measured, step)


def test_a_profile_of_a_machine_that_changed_is_told() -> None:
    (step,) = made(blocks(1 * MS, [0.05] * 2, 780.0), blocks(1.1 * MS, [0.05] * 2, 780.0)).steps
    assert "operators and gaps on lane cpu add up to 86% of the step" in disturbed(step)
    (step,) = made(blocks(1 * MS, [0.05] * 3), blocks(1.04 * MS, [0.05] * 3)).steps
    assert disturbed(step) == ""
    apart = measured_as(step, repeatability=0.3)
    assert "1 thread(s) one worker took 30% longer than the other" in disturbed(apart)
    assert "one of its two halves took 30% longer than the other" in disturbed(apart, True)
    assert disturbed(replace(apart, apart_us=200.0)) == ""
    assert disturbed(measured_as(step, closure={})) == ""
    assert disturbed(replace(apart, measurement=None)) == ""


def test_such_a_profile_is_named_when_it_is_used() -> None:
    (step,) = made(blocks(1 * MS, [0.05] * 3)).steps
    good = replace(make_profile("ncf", [step]), origin="measured")
    bad = [
        replace(good, steps=(measured_as(step, closure={"cpu": closure}),), machine=name)
        for name, closure in (("a", -0.35), ("b", 0.01))
    ]
    lines: list[str] = []
    report_disturbed([good, *bad], lines.append)
    (line,) = lines
    assert line.startswith(f"{good.key}: the machine was disturbed while it was profiled")
    assert "add up to 65% of the step" in line
    report_disturbed([replace(bad[0], origin="modelled"), good], lines.append)
    assert len(lines) == 1
    waiting = replace(measured_as(step, waited=0.5), threads=2)
    report_disturbed([replace(bad[0], steps=(*bad[0].steps, waiting))], lines.append)
    assert "with 2 thread(s) it waited 50% of the time" in lines[1]


def test_repeatability_is_how_far_two_workers_are_apart() -> None:
    (step,) = made(blocks(1.00 * MS, [0.05] * 2), blocks(1.04 * MS, [0.07] * 2)).steps
    assert how(step).repeatability == pytest.approx(0.04)
    assert how(step).rounds == 4  # each worker's probes are compared among themselves
    assert step.mean_us == pytest.approx(1020.0)
    assert how(step).half_width > 0.01


def test_neighbours_are_medians_over_rounds() -> None:
    (step,) = made(blocks(1 * MS, [0.05] * 2)).steps
    assert (step.compute_slowdown, step.stream_slowdown, step.pressure) == ((1.2,), (1.5,), 0.4)


def test_warm_up_is_found() -> None:
    profile = made(blocks(1 * MS, [0.05] * 2), first_steps_s=(0.5, 0.25, 1 * MS, 1 * MS, 1 * MS))
    assert profile.warmup_steps == 2
    assert profile.steps[0].warmup_s == pytest.approx(0.75)
    assert made(blocks(1 * MS, [0.05] * 2)).warmup_steps == 0


def test_memory_and_start_up() -> None:
    profile = made(blocks(1 * MS, [0.05] * 2))
    (memory,) = profile.memory
    assert memory.activation_bytes == 64 - 4
    assert (memory.context_bytes, memory.peak_bytes) == (100, 1000)
    assert profile.startup_s == 2.0
