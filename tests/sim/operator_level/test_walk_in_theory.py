"""The walk of steady steps against what theory says of it: exactly, or within bounds.

Service is the same in every round, so a mix keeps its rhythm: mean value analysis does not hold for
one start offset. Closed forms do for one and for two jobs, bounds for any number, and averaged over
offsets the walk comes near mean value analysis.
"""

from __future__ import annotations

import numpy as np
import pytest
from closed_networks import Customer, as_job, job_of, rounds_per_s
from hypothesis import given
from hypothesis import strategies as st

from rmixer.scheduling.step_times import Member, Mix
from rmixer.testing.made_up import by_key, make_machine, make_profile, make_step
from sim import OperatorLevel
from sim.demand.contention import Background
from sim.demand.segments import Segment, two_clocks_s
from sim.operator_level.ensemble import measure, replicate
from sim.operator_level.walked_mix import WalkedMix

MS = 1e-3
work_s = st.floats(0.0, 5 * MS)
shares = st.floats(0.0, 1.0)


@st.composite
def segments(draw: st.DrawFn) -> list[Segment]:
    """A step of up to six segments on all lanes."""
    made = []
    for lane in draw(st.lists(st.sampled_from(["cpu", "gpu", "link"]), max_size=6)):
        host_s, device_s = draw(work_s), draw(work_s)
        launch_s = draw(shares) * host_s
        made.append(
            Segment(
                lane=lane,
                host_s=host_s,
                device_s=device_s,
                lead_s=draw(shares) * launch_s,
                launch_s=launch_s,
                tail_s=draw(shares) * device_s,
                waits=draw(st.booleans()),
            )
            if lane != "cpu"
            else Segment(lane, host_s)
        )
    return [*made, Segment("cpu", draw(st.floats(0.1 * MS, MS)))]


@given(segments())
def test_one_job_takes_what_two_clocks_say(step: list[Segment]):
    """Three rounds of the walk, by events, are three times the max-plus recursion of the host's
    and the device's clock (Lin et al., HiPC 2022)."""
    mix = WalkedMix([job_of(step, 0)], [], Background(), np.zeros((1, 1)), measured_steps=2)
    seen = measure(mix)
    assert seen.at_s[:, 0] == pytest.approx([two_clocks_s(step), 3 * two_clocks_s(step)])


@given(st.floats(0.05, 5), st.floats(0.05, 5), shares, shares)
def test_two_like_jobs_keep_their_distance(host: float, device: float, first: float, second: float):
    """Two jobs that come to the GPU d apart leave it d apart, for they share it equally while both
    are there. So each round takes C(d) = h + 2 g - min(d, g, h): from h + 2 g where they come
    together to h + g, or 2 g where that is more (d being at most half a round alone)."""
    host_s, device_s = host * MS, device * MS
    jobs = [as_job(Customer(host_s, (device_s,)), core) for core in range(2)]
    speeds = replicate(jobs, Background(), np.array([[first], [second]]))
    apart = abs(first - second)
    distance_s = min(apart, 1 - apart) * (host_s + device_s)
    round_s = host_s + 2 * device_s - min(distance_s, device_s, host_s)
    assert (host_s + device_s) / speeds[:, 0] == pytest.approx([round_s] * 2, rel=1e-6)


@pytest.mark.parametrize("count", range(1, 9))
def test_a_gpu_that_never_idles_takes_turns(count: int):
    """n like jobs whose host launches ahead, and so keeps the GPU busy at all times, take exactly
    n times their device time a round, from any start."""
    step = [Segment("gpu", 2 * MS, device_s=3 * MS, launch_s=MS, tail_s=MS, waits=True)]
    offsets = np.random.default_rng(count).random((count, 5))
    speeds = replicate([job_of(step, core) for core in range(count)], Background(), offsets)
    assert 3 * MS / speeds == pytest.approx(np.full((count, 5), count * 3 * MS))


demands = st.floats(0.0, 3.0).map(lambda ms: ms * MS)
customers = st.builds(
    Customer, st.floats(0.1, 4.0).map(lambda ms: ms * MS), st.tuples(demands, demands)
)


@given(st.lists(customers, min_size=1, max_size=8), st.integers(0, 9))
def test_every_walk_keeps_the_asymptotic_bounds(mix: list[Customer], seed: int):
    """From any start (Muntz & Wong 1974; Lazowska et al. 1984, 5.2; unlike customers): a round is
    no shorter than alone, Z + D, and no longer than if all others were always beside it, Z + n D;
    and no lane ends more work than there is time."""
    count = len(mix)
    offsets = np.random.default_rng(seed).random((count, 4))
    jobs = [as_job(each, core) for core, each in enumerate(mix)]
    seen = measure(WalkedMix(jobs, [], Background(), offsets, measured_steps=2))
    lasted_s = seen.last_s - seen.first_s
    for each, rounds, within_s in zip(mix, seen.whole, lasted_s, strict=True):
        ended = np.maximum(rounds, 0)
        assert (ended * each.round_s <= within_s * (1 + 1e-9)).all()
        crowded_s = each.think_s + count * sum(each.demands_s)
        assert (within_s <= ended * crowded_s * (1 + 1e-9)).all()
    measured_s = seen.at_s[1] - seen.at_s[0]
    for lane in range(2):
        ended_s = sum(
            np.maximum(rounds, 0) * each.demands_s[lane]
            for each, rounds in zip(mix, seen.whole, strict=True)
        )
        assert (ended_s <= measured_s * (1 + 1e-9)).all()


@pytest.mark.parametrize("count", range(2, 9))
@pytest.mark.parametrize(
    "each",
    [
        Customer(7.0, (1.0,)),
        Customer(3.0, (1.0,)),
        Customer(1.0, (1.0,)),
        Customer(3.0, (1.0, 1.0)),
    ],
)
def test_averaged_over_offsets_it_is_near_mean_value_analysis(each: Customer, count: int):
    """Steady service wastes a little less than service that varies. The mean over offsets is within
    6% of mean value analysis, and of the bound 1 / Dmax within 3%: two rounds tell a rate but
    roughly, and the mean of rates is above the rate of the mean."""
    offsets = np.random.default_rng(2).random((count, 256))
    jobs = [as_job(each, core) for core in range(count)]
    speeds = replicate(jobs, Background(), offsets)
    found = float(speeds.mean(axis=1).sum()) / each.round_s
    assert found == pytest.approx(sum(rounds_per_s([each] * count)), rel=0.06)
    assert found <= 1.03 / max(each.demands_s)


@pytest.mark.parametrize("gpu_share", [0.1, 0.3, 0.5])
def test_two_jobs_of_a_profile_are_near_mean_value_analysis(gpu_share: float):
    """The whole operator level, from a profile that says how long a step keeps the GPU busy. The
    mean round over evenly distributed offsets is h + g + g^2 / (h + g), as mean value analysis has
    it for two; at 256 offsets and less it is known within 1%."""
    step_s = 10 * MS
    step = make_step("gpu", mean_us=step_s * 1e6, gpu_us=gpu_share * step_s * 1e6)
    profile = make_profile(steps=[step])
    members = [Member(profile.key, "train", "gpu:0", (core,)) for core in range(2)]
    times = OperatorLevel(by_key(profile), make_machine(2, gpus=1))
    expected_s = step_s * (1 + gpu_share**2)
    assert times.unit_s(Mix(tuple(members))) == pytest.approx((expected_s,) * 2, rel=0.025)
