"""A step at a batch that was not profiled, from others that were."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stages.inputs import inputs_of
from profiles.batches.batch_prediction import each_left_out, predict_batch
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.model_profile.model_profile import ModelProfile, StepMeasurement
from rmixer.testing.made_up import (
    make_job,
    make_machine,
    make_operator,
    make_profile,
    make_step,
    make_workload,
)

FIXED_US, EACH_US = 400.0, 10.0
MACHINE = make_machine()


def affine(batch: int, calls: int = 2) -> ModelProfile:
    """A step of 400 us + 10 us a sample, of which matrix products take 100 us + 6 us a sample in
    ``calls`` calls, a gap before each of 5 us, and the rest is one look-up of 64 bytes a sample."""
    step_us = FIXED_US + EACH_US * batch
    products = (100.0 + 6.0 * batch) / calls
    rows = [
        replace(
            make_operator(products, index=i, gap_before_us=5.0), operator="aten::mm", flops=batch
        )
        for i in range(calls)
    ]
    look_up_us = step_us - calls * (products + 5.0)
    rows.append(make_operator(look_up_us, moved_bytes=64 * batch, index=calls))
    step = make_step(
        mean_us=step_us, build_s=1.0, compute_slowdown=(1.0 + batch / 1000,), pressure=batch / 1000
    )
    made = make_profile(steps=[step], operators=rows, batch=batch, peak_bytes=1000 + 8 * batch)
    return replace(made, flops=calls * batch, bytes=64 * batch)


@given(
    low=st.integers(1, 4000),
    high=st.integers(1, 4000),
    wanted=st.integers(1, 20_000),
)
def test_what_is_linear_in_the_batch_is_predicted_exactly(low: int, high: int, wanted: int) -> None:
    if len({low, high, wanted}) < 3:
        return
    expected = affine(wanted)
    found = predict_batch([affine(low), affine(high)], expected.identity, MACHINE)
    assert found.identity == expected.identity
    assert found.predicted_from == tuple(sorted((low, high)))
    assert found.steps[0].mean_us == pytest.approx(expected.steps[0].mean_us)
    assert found.steps[0].build_s == pytest.approx(1.0)
    assert found.memory[0].peak_bytes == expected.memory[0].peak_bytes
    assert (found.flops, found.bytes) == (expected.flops, expected.bytes)
    for cost, like in zip(found.operators, expected.operators, strict=True):
        assert cost.mean_us == pytest.approx(like.mean_us)
        assert cost.gap_before_us == pytest.approx(like.gap_before_us)
        assert (cost.flops, cost.read_bytes) == (like.flops, like.read_bytes)


def test_slow_downs_stay_within_what_was_measured() -> None:
    found = predict_batch([affine(100), affine(300)], affine(900).identity, MACHINE)
    assert (found.steps[0].compute_slowdown, found.steps[0].pressure) == ((1.3,), 0.3)
    found = predict_batch([affine(100), affine(300)], affine(200).identity, MACHINE)
    assert found.steps[0].compute_slowdown == pytest.approx((1.2,))
    assert found.steps[0].pressure == pytest.approx(0.2)


def test_slow_downs_come_from_the_profile_that_has_them() -> None:
    found = predict_batch([_alone(affine(100)), affine(300)], affine(200).identity, MACHINE)
    assert (found.steps[0].compute_slowdown, found.steps[0].pressure) == ((1.3,), 0.3)


def test_of_sizes_without_bubbles_no_pressure_is_known() -> None:
    found = predict_batch([_alone(affine(100)), _alone(affine(300))], affine(200).identity, MACHINE)
    assert (found.steps[0].compute_slowdown, found.steps[0].pressure) == ((), None)


def _alone(profile: ModelProfile) -> ModelProfile:
    step = replace(profile.steps[0], compute_slowdown=(), stream_slowdown=(), pressure=None)
    return replace(profile, steps=(step,))


def test_a_size_that_waited_for_its_cores_makes_what_is_predicted_from_it_doubtful(
    tmp_path: Path,
) -> None:
    """The prediction itself has no measurement."""
    store = Store(tmp_path / "own", tmp_path / "recorded")
    store.save_machine(make_machine())
    how = StepMeasurement(100, 0, 0.01, 0.01, 5, 0, {}, waited=0.3)
    waited = replace(affine(200), origin="measured")
    waited = replace(waited, steps=(replace(waited.steps[0], measurement=how),))
    for profile in (replace(affine(100), origin="measured"), waited):
        store.save(profile)
    said: list[str] = []
    job = make_job(batch=110)
    inputs = inputs_of(make_workload(job), "made-up", store, said.append)
    assert inputs.profiles[job.identity.key].steps[0].measurement is None
    (line,) = (line for line in said if "it waited 30% of the time for its cores" in line)
    assert line.startswith(f"{waited.key}: the machine was disturbed while it was profiled")


def test_all_other_sizes_are_taken() -> None:
    """But its own, if it is among them."""
    known = [affine(batch) for batch in (2048, 64, 512, 128)]
    for wanted, expected in ((32, (64, 128, 512, 2048)), (512, (64, 128, 2048))):
        found = predict_batch(known, affine(wanted).identity, MACHINE)
        assert found.predicted_from == expected
        assert found.steps[0].mean_us == pytest.approx(FIXED_US + EACH_US * wanted)


def test_a_size_without_one_of_the_thread_counts_of_its_neighbours_is_left_out() -> None:
    """The wanted step would else be known with one thread alone."""
    both = [
        replace(affine(batch), steps=(make_step(), make_step(threads=2))) for batch in (64, 128)
    ]
    found = predict_batch([*both, affine(512)], affine(96).identity, MACHINE)
    assert found.predicted_from == (64, 128)
    assert [step.threads for step in found.steps] == [1, 2]


def test_the_number_of_calls_may_depend_on_the_batch() -> None:
    found = predict_batch(
        [affine(100, calls=2), affine(1000, calls=5)], affine(600).identity, MACHINE
    )
    products = [cost for cost in found.operators if cost.operator == "aten::mm"]
    assert len(products) == 5  # as at the nearer size, by ratio
    assert sum(cost.mean_us for cost in products) == pytest.approx(100.0 + 6.0 * 600)


def test_far_cores_add_the_same_share_to_a_step_of_any_size() -> None:
    """What was seen at each size is chance: 10% and 30% make 20%."""

    def apart(batch: int, share: float) -> ModelProfile:
        step = make_step(mean_us=1000.0, apart_us=1000.0 * share)
        return replace(affine(batch), steps=(step,))

    found = predict_batch([apart(100, 0.1), apart(200, 0.3)], affine(150).identity, MACHINE)
    assert found.steps[0].apart_us == pytest.approx(0.2 * found.steps[0].mean_us)


def test_a_step_is_the_mean_of_its_own_curve_and_of_its_operators() -> None:
    """At 100 and 200 samples one operator takes 50 us each time, the other 50 us and 150 us, which
    no line without a negative part goes through: beyond 200 it is in proportion to the batch. So at
    400 they are 50 us and 300 us; the step's own line has 400 us. All steps are 10% more than their
    operators."""

    def bent(batch: int, other_us: float) -> ModelProfile:
        rows = [make_operator(50.0), replace(make_operator(other_us, index=1), operator="aten::mm")]
        step = make_step(mean_us=1.1 * (50.0 + other_us))
        return replace(affine(batch), steps=(step,), operators=tuple(rows))

    found = predict_batch([bent(100, 50.0), bent(200, 150.0)], affine(400).identity, MACHINE)
    assert found.steps[0].mean_us == pytest.approx(1.1 * math.sqrt(400.0 * 350.0))
    assert [cost.mean_us for cost in found.operators] == pytest.approx([50.0, 300.0])


def test_a_gpu_step_is_not_the_sum_of_the_hosts_operators() -> None:
    """Its lanes work side by side."""

    def on_gpu(batch: int, host_us: float) -> ModelProfile:
        steps = (make_step(mean_us=20.0 * batch), make_step("gpu", mean_us=10.0 * batch))
        rows = (make_operator(host_us), make_operator(8.0 * batch, lane="gpu"))
        return replace(affine(batch), steps=steps, operators=rows)

    gpu = replace(make_machine(gpus=1).gpus[0], matmul_gflops=1000.0, bandwidth_gbps=100.0)
    machine = replace(MACHINE, gpus=(gpu,))
    found = predict_batch([on_gpu(100, 50.0), on_gpu(200, 50.0)], affine(400).identity, machine)
    assert found.steps[1].mean_us == pytest.approx(4000.0)
    assert found.utilisation["gpu"] == pytest.approx(0.8)


def test_what_a_step_is_bound_by_is_of_its_own_figures() -> None:
    """Each sample moves 64 bytes in 10 us, 6.4 MB/s, of which the machine here has 8; what is fixed
    moves nothing. From 0.79 of that at 400 samples to 0.40 at 40."""
    slow = replace(MACHINE, bandwidth_gbps=(0.008, 0.008), matmul_gflops=(1e6, 1e6))
    for wanted in (40, 400):
        expected = affine(wanted)
        found = predict_batch([affine(100), affine(1000)], expected.identity, slow)
        rate = 64 * wanted / expected.steps[0].mean_us * 1e-3
        assert found.utilisation == {"cpu": pytest.approx(rate / 0.008, rel=1e-3)}
        assert found.job_type == {"cpu": "memory"}
    fast = predict_batch([affine(100), affine(1000)], affine(40).identity, MACHINE)
    assert fast.job_type == {"cpu": "low"}


def test_a_gpu_without_rates_is_named_and_not_taken_for_too_few_sizes(tmp_path: Path) -> None:
    store, machine = Store(tmp_path, tmp_path), make_machine(gpus=1)
    store.save_machine(machine)
    for batch in (128, 512):
        both = (make_step(mean_us=20.0 * batch), make_step("gpu", mean_us=10.0 * batch))
        rows = (make_operator(20.0 * batch), make_operator(8.0 * batch, lane="gpu"))
        memory = [replace(affine(batch).memory[0], device=kind) for kind in ("cpu", "gpu")]
        made = make_profile(steps=both, operators=rows, batch=batch)
        store.save(replace(made, memory=tuple(memory)))
    with pytest.raises(InputError, match=r"gpus\.0: found no rates"):
        inputs_of(make_workload(make_job(batch=256)), "made-up", store, lambda _: None)


def test_sizes_that_were_never_measured_in_the_same_place_tell_nothing(tmp_path: Path) -> None:
    one, two = affine(128), affine(512)
    two = replace(
        two,
        steps=(replace(two.steps[0], threads=2),),
        operators=tuple(replace(row, threads=2) for row in two.operators),
    )
    with pytest.raises(ValueError, match=r"no two of batches \[128, 512\]"):
        predict_batch([one, two], affine(256).identity, MACHINE)
    store, workload = Store(tmp_path, tmp_path), make_workload(make_job(batch=256))
    store.save_machine(MACHINE)
    for profile in (one, two):
        store.save(profile)
    with pytest.raises(InputError, match="none of criteo_dlrm-b256"):
        inputs_of(workload, "made-up", store, lambda _: None)
    found = predict_batch([one, two, affine(1024)], affine(256).identity, MACHINE)
    assert found.predicted_from == (128, 1024)
    assert [step.threads for step in found.steps] == [1]


def test_nothing_becomes_less_than_nothing() -> None:

    def of_one(batch: int, step_us: float) -> ModelProfile:
        steps, rows = (make_step(mean_us=step_us),), (make_operator(step_us),)
        return replace(affine(batch), steps=steps, operators=rows)

    found = predict_batch([of_one(100, 1000.0), of_one(200, 9000.0)], affine(50).identity, MACHINE)
    assert 250.0 < found.steps[0].mean_us < 1000.0


def test_one_other_size_is_not_enough_and_another_model_does_not_count() -> None:
    other = make_profile("amazon_din", batch=64)
    with pytest.raises(ValueError, match="1 other batches"):
        predict_batch([affine(100), other], affine(200).identity, MACHINE)


def test_a_prediction_says_which_profiles_it_rests_on(tmp_path: Path) -> None:
    store = Store(tmp_path / "own", tmp_path / "recorded")
    store.save_machine(make_machine())
    workload = make_workload(make_job(batch=256))
    store.save(affine(128))
    said: list[str] = []
    with pytest.raises(InputError, match="criteo_dlrm-b256"):
        inputs_of(workload, "made-up", store, said.append)
    store.save(affine(512))
    inputs = inputs_of(workload, "made-up", store, said.append)
    key = make_job(batch=256).identity.key
    assert said[0] == f"{key}: not profiled, predicted from batches 128 and 512"
    assert inputs.profiles[key].steps[0].mean_us == pytest.approx(FIXED_US + EACH_US * 256)
    for batch, times in ((2048, "4"), (32, "4")):
        inputs_of(make_workload(make_job(batch=batch)), "made-up", store, said.append)
        far = f"predicted from batches 128 and 512 ({times} times beyond them)"
        assert any(line.endswith(far) for line in said)
        said.clear()


def test_a_prediction_says_how_well_its_sizes_predict_each_other(tmp_path: Path) -> None:
    """128 takes a tenth longer than the line through the others, so that these predict it 1/11
    too short."""
    store = Store(tmp_path / "own", tmp_path / "recorded")
    store.save_machine(make_machine())
    longer = affine(128)
    steps = tuple(replace(step, mean_us=1.1 * step.mean_us) for step in longer.steps)
    for profile in (affine(64), replace(longer, steps=steps), affine(256)):
        store.save(profile)
    said: list[str] = []
    inputs_of(make_workload(make_job(batch=512)), "made-up", store, said.append)
    (line,) = [each for each in said if "each of these" in each]
    told = float(line.split("within ")[1].split("%")[0])
    assert told >= 100 / 11 - 0.05
    worst = max(abs(each.error) for each in each_left_out(store.profiles("made-up"), MACHINE))
    assert told == pytest.approx(100 * worst, abs=0.05)
