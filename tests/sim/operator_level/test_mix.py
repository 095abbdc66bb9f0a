"""Mixes at the operator level: who slows whom, by arithmetic."""

from __future__ import annotations

import pytest

from rmixer.errors import InputError
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.operators.operator_cost import OperatorCost
from rmixer.scheduling.step_times import Member, Mix
from rmixer.testing.made_up import by_key, make_machine, make_operator, make_profile, make_step
from sim import OperatorLevel
from sim.operator_level.operator_level import PRECISION

STREAMING = {"compute_slowdown": (1.0,), "stream_slowdown": (2.0,), "pressure": 1.0}
COMPUTING = {"compute_slowdown": (1.0,), "stream_slowdown": (1.0,), "pressure": 0.0}


def profile(model: str, mean_us: float = 10_000.0, **curves) -> ModelProfile:
    """Half of the step's bytes are moved in a quarter of its time."""
    phases = {"build_s": 2.0, "warmup_s": 3.0, "evaluate_s": 4.0, "save_s": 5.0}
    step = make_step(mean_us=mean_us, **curves, **phases)
    operators = [make_operator(mean_us / 4, 100), make_operator(mean_us * 3 / 4, 100)]
    return make_profile(model, [step], operators)


def member(made: ModelProfile, core: int, phase: str = "train", device: str = "cpu:0") -> Member:
    return Member(made.key, phase, device, (core,))


def units(*members: Member, profiles, cores: int = 2, gpus: int = 0) -> tuple[float, ...]:
    machine = make_machine(cores, gpus)
    return OperatorLevel(by_key(*profiles), machine).unit_s(Mix(members))


def test_alone_a_step_takes_its_profile_s_time():
    made = profile("criteo_dlrm", **STREAMING)
    assert units(member(made, 1), profiles=[made]) == (0.01,)


def test_two_jobs_on_one_core_take_twice_as_long():
    made = profile("criteo_dlrm", **COMPUTING)
    both = units(member(made, 0), member(made, 0), profiles=[made])
    assert both == pytest.approx((0.02, 0.02), rel=1e-6)


def test_bandwidth_bound_jobs_share_bandwidth_and_compute_bound_ones_do_not_mind():
    heavy = profile("criteo_dlrm", **STREAMING)
    light = profile("amazon_din", **COMPUTING)
    pair = [heavy, light]
    assert units(member(heavy, 0), member(heavy, 1), profiles=pair) == pytest.approx(
        (0.02, 0.02), rel=0.02
    )
    assert units(member(light, 0), member(light, 1), profiles=pair) == (
        pytest.approx(0.01),
        pytest.approx(0.01),
    )
    assert units(member(light, 0), member(heavy, 1), profiles=pair) == (
        pytest.approx(0.01),
        pytest.approx(0.01),
    )


def test_one_streaming_neighbour_gives_exactly_the_measured_slowdown():
    heavy = profile("criteo_dlrm", compute_slowdown=(1.2,), stream_slowdown=(1.7,), pressure=0.0)
    bubble = make_profile("amazon_din", [make_step(mean_us=10_000, pressure=1.0)])
    slowed, free = units(member(heavy, 0), member(bubble, 1), profiles=[heavy, bubble])
    assert slowed == pytest.approx(0.017, rel=0.01)
    assert free == pytest.approx(0.01)


def test_phases_without_training_have_closed_forms():
    heavy = profile("criteo_dlrm", compute_slowdown=(1.2,), stream_slowdown=(2.0,), pressure=1.0)
    train, build = member(heavy, 0), member(heavy, 1, "build")
    # Building keeps a core busy and presses on nobody; it feels nobody either.
    assert units(train, build, profiles=[heavy]) == pytest.approx((0.012, 2.0))
    evaluate, warmup = member(heavy, 0, "evaluate"), member(heavy, 1, "warmup")
    assert units(evaluate, warmup, profiles=[heavy]) == pytest.approx((8.0, 6.0))
    save = member(heavy, 0, "save")
    assert units(save, member(heavy, 0, "build"), profiles=[heavy]) == pytest.approx((10.0, 4.0))


def test_a_much_faster_job_is_mean_demand():
    slow = profile("criteo_dlrm", mean_us=100_000, **STREAMING)
    fast = profile("amazon_din", mean_us=1_000, **STREAMING)
    machine = make_machine(2)
    level = OperatorLevel(by_key(slow, fast), machine)
    mix = Mix((member(slow, 0), member(fast, 1)))
    assert level.unit_s(mix) == pytest.approx((0.2, 0.002), rel=0.01)
    assert level.precision(mix).replications == 1


def test_answers_follow_the_order_of_members_and_precision_is_reached():
    heavy = profile("criteo_dlrm", **STREAMING)
    other = profile("criteo_deepfm", 3_000.0, **STREAMING)
    level = OperatorLevel(by_key(heavy, other), make_machine(2))
    one = Mix((member(heavy, 0), member(other, 1)))
    turned = Mix((member(other, 0), member(heavy, 1)))
    assert level.unit_s(one) == tuple(reversed(level.unit_s(turned)))
    assert level.precision(one).replications >= 16
    assert level.precision(one).half_width <= PRECISION


def test_two_seeds_differ_by_no_more_than_the_precision():
    heavy = profile("criteo_dlrm", **STREAMING)
    other = profile("criteo_deepfm", 3_000.0, **STREAMING)
    mix = Mix((member(heavy, 0), member(other, 1)))
    first, second = (
        OperatorLevel(by_key(heavy, other), make_machine(2), seed).unit_s(mix) for seed in (1, 2)
    )
    assert first != second
    assert first == pytest.approx(second, rel=2 * PRECISION)


def test_figures_that_are_missing_are_named():
    made = profile("criteo_dlrm")
    with pytest.raises(InputError, match="2 threads"):
        units(Member(made.key, "train", "cpu:0", (0, 1)), profiles=[made])
    with pytest.raises(InputError, match="unheard-of"):
        units(Member("unheard-of", "train", "cpu:0", (0,)), profiles=[made])


def gpu_profile(model: str, kernel_us: float, host_us: float, step_us: float) -> ModelProfile:
    """Twenty launches of ``host_us``, each of a kernel of ``kernel_us``; 20 x the longer of the
    two, and a little, is its step."""
    kernels: list[OperatorCost] = [make_operator(kernel_us, lane="gpu", host_us=host_us)] * 20
    step = make_step("gpu", mean_us=step_us, pressure=0.4, **{"evaluate_s": 1.0})
    return make_profile(model, [step], kernels)


@pytest.mark.parametrize(
    ("kernel_us", "host_us", "step_us"),
    [(20, 80, 1620), (50, 75, 1550), (70, 80, 1670), (99, 10, 2009)],
)
def test_time_slices_bound_the_throughput_of_a_gpu(kernel_us, host_us, step_us):
    """Jobs that keep the GPU busy for a share g of their step alone make together at most 1/g as
    many steps as one, and at most 2 times as many; on a GPU that never idles, just 1/g."""
    made = gpu_profile("criteo_dlrm", kernel_us, host_us, step_us)
    both = units(
        member(made, 0, device="gpu:0"), member(made, 1, device="gpu:0"), profiles=[made], gpus=1
    )
    share = 20 * kernel_us / step_us
    throughput = sum(step_us * 1e-6 / unit for unit in both)
    assert throughput <= min(2.0, 1 / share) * (1 + PRECISION)
    if share > 0.9:
        assert throughput == pytest.approx(1 / share, rel=0.02)
    else:
        assert throughput > 0.75 * min(2.0, 1 / share)


def test_jobs_on_two_gpus_do_not_share_one():
    made = gpu_profile("criteo_dlrm", 99, 10, 2009)
    members = [member(made, core, device=f"gpu:{core}") for core in range(2)]
    assert units(*members, profiles=[made], gpus=2) == pytest.approx((2009e-6, 2009e-6), rel=1e-6)


def test_another_device_s_jobs_are_a_background_on_the_host():
    on_gpu = gpu_profile("criteo_dlrm", 10, 100, 2010)
    heavy = profile("amazon_din", compute_slowdown=(1.5,), stream_slowdown=(2.5,), pressure=0.0)
    slowed, free = units(
        member(heavy, 0), member(on_gpu, 1, device="gpu:0"), profiles=[heavy, on_gpu], gpus=1
    )
    # The GPU job's host is busy for 2000 of 2010 µs: 1.0 cores; pressure 0.4 of a stream.
    assert slowed == pytest.approx(0.01 * (1.5 + 0.4 * 1.0), rel=1e-6)
    assert free == pytest.approx(2010e-6)
