"""The job level, by hand: arrivals, phases, rows and sums."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rmixer.errors import InputError, RunFailed
from rmixer.policies import Policy, make_policy
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout, even_layout
from rmixer.scheduling.problem import problem_of
from rmixer.scheduling.step_times import Member, Mix
from rmixer.testing.made_up import (
    GIB,
    by_key,
    make_job,
    make_machine,
    make_operator,
    make_profile,
    make_step,
    make_workload,
)
from sim import OperatorLevel, Recorded, Uncontended, simulate

STEP = make_step(
    mean_us=10_000, stall_us=100, build_s=1.0, warmup_s=0.5, evaluate_s=0.25, save_s=0.125
)
PROFILE = replace(
    make_profile(steps=[replace(STEP, p50_us=9_000.0)], warmup_steps=10), origin="measured"
)
PROFILES = by_key(PROFILE)
TRAIN_S = 90 * 0.0101
WHOLE_S = 1.0 + 0.5 + TRAIN_S + 0.25 + 0.125


def run(*jobs, slots=1, policy="dySequ", machine=None, profiles=PROFILES, times=None, **options):
    machine = machine or make_machine(2)
    times = times or Uncontended(profiles)
    layout = even_layout(machine, slots, 1)
    workload = make_workload(*jobs)
    return simulate(
        problem_of(workload, machine, profiles), make_policy(policy), layout, times, **options
    )


def rows(result, job: str) -> list[tuple[str, float, float, float]]:
    return [
        (row.kind, row.start_s, row.duration_s, row.steps)
        for row in result.timeline.select(job=job)
    ]


def test_the_phases_of_a_job_alone():
    result = run(make_job(steps=100))
    assert rows(result, "job-0") == [
        ("build", 0.0, 1.0, 0.0),
        ("warmup", 1.0, 0.5, 10),
        ("train", 1.5, pytest.approx(TRAIN_S), pytest.approx(90)),
        ("evaluate", pytest.approx(1.5 + TRAIN_S), pytest.approx(0.25), 0.0),
        ("save", pytest.approx(1.75 + TRAIN_S), pytest.approx(0.125), 0.0),
    ]
    job = result.summary.job("job-0")
    assert (job.start_s, job.end_s) == (0.0, pytest.approx(WHOLE_S))
    # Stalls are in the run's time, and left out of what a step takes, as in a measured run.
    assert job.step_ms_mean == pytest.approx(10.0)
    assert job.step_ms_p50 == pytest.approx(9.0)
    assert job.stall_s == pytest.approx(90 * 100e-6)
    assert (job.samples, job.peak_bytes, job.threads) == (100 * 256, GIB, 1)


def test_a_job_of_few_steps_only_warms_up():
    result = run(make_job(steps=4))
    assert [row[0] for row in rows(result, "job-0")] == ["build", "warmup", "evaluate", "save"]
    assert rows(result, "job-0")[1] == ("warmup", 1.0, pytest.approx(0.5 * 4 / 10), 4)
    assert result.summary.job("job-0").step_ms_mean is None


def test_jobs_wait_for_a_slot_and_times_count_from_the_first_dispatch():
    result = run(
        make_job("a", steps=100, arrival_s=2.0), make_job("b", steps=100, arrival_s=3.0), slots=1
    )
    assert rows(result, "a")[0] == ("build", 2.0, 1.0, 0.0)
    assert rows(result, "b")[0] == ("queued", 3.0, pytest.approx(WHOLE_S - 1.0), 0.0)
    assert result.summary.makespan_s == pytest.approx(2 * WHOLE_S)
    assert result.summary.job("b").end_s == pytest.approx(2 * WHOLE_S)
    assert result.timeline.makespan_s == pytest.approx(2 * WHOLE_S + 2.0)


class Watching(Policy):
    """Starts nothing before three jobs are known; writes down what it sees."""

    name = "watching"

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[float, list[str]]] = []
        self.inner = make_policy("dySequ")

    def decide(self, view):
        self.seen.append((view.now_s, [job.id for job in view.waiting()]))
        return self.inner.decide(view)


def test_all_of_an_instant_is_booked_before_the_next_decision():
    # Two equal jobs end together, and at that instant three more have arrived.
    steps = 100
    ends_s = WHOLE_S
    jobs = [make_job("a", steps=steps), make_job("b", steps=steps)]
    machine, policy = make_machine(2), Watching()
    profiles = by_key(make_profile(steps=[make_step(mean_us=2**-7 * 1e6)]))  # exact in binary
    ends_s = steps * 2**-7
    jobs += [make_job(name, steps=steps, arrival_s=ends_s) for name in "cde"]
    simulate(
        problem_of(make_workload(*jobs), machine, profiles),
        policy,
        even_layout(machine, 2, 1),
        Uncontended(profiles),
    )
    assert policy.seen[:3] == [(0.0, ["a", "b"]), (0.0, ["b"]), (0.0, [])]
    assert policy.seen[3:6] == [(ends_s, ["c", "d", "e"]), (ends_s, ["d", "e"]), (ends_s, ["e"])]


def test_rows_are_cut_where_the_mix_changes_and_nowhere_else():
    """Recorded times: 10 ms alone, 20 ms for both in company. The first makes 100 steps: 50 until
    the other, which makes 50, ends at 1 s, then 50 more in 0.5 s."""
    profiles = by_key(make_profile(steps=[make_step()]))
    (key,) = profiles
    one, two = (Member(key, "train", "cpu:0", (core,)) for core in range(2))
    times = Recorded({Mix((one,)): (0.01,), Mix((one, two)): (0.02, 0.02)})
    result = run(
        make_job("a", steps=100), make_job("b", steps=50), slots=2, profiles=profiles, times=times
    )
    assert rows(result, "a") == [
        ("train", 0.0, pytest.approx(1.0), pytest.approx(50)),
        ("train", pytest.approx(1.0), pytest.approx(0.5), pytest.approx(50)),
    ]
    assert rows(result, "b") == [("train", 0.0, pytest.approx(1.0), pytest.approx(50))]
    # 50 steps of 20 ms and 50 of 10: the mean is 15; over half of them take at most 10.
    assert result.summary.job("a").step_ms_mean == pytest.approx(15.0)
    assert result.summary.job("a").step_ms_p50 == pytest.approx(10.0)
    assert result.summary.makespan_s == pytest.approx(1.5)


def test_two_jobs_on_one_core_take_twice_as_long():
    profiles = by_key(make_profile(steps=[make_step()], operators=[make_operator(10_000)]))
    machine = make_machine(1)
    both = simulate(
        problem_of(make_workload(*(make_job(name, steps=100) for name in "ab")), machine, profiles),
        make_policy("all_at_once"),
        Layout((DeviceSlots("cpu:0", 2, 1),), in_turn=True),
        OperatorLevel(profiles, machine),
    )
    assert [job.end_s for job in both.summary.jobs] == pytest.approx([2.0, 2.0])
    assert both.summary.devices[0].busy_fraction == pytest.approx(1.0)


def test_devices_busy_fraction_and_peak():
    result = run(make_job("a", steps=100), make_job("b", steps=10), slots=2)
    (device,) = result.summary.devices
    # b leaves with its warm-up, evaluation and saving behind it.
    busy_s = WHOLE_S + (1.0 + 0.5 + 0.25 + 0.125)
    assert device.busy_fraction == pytest.approx(busy_s / (2 * WHOLE_S))
    assert device.peak_bytes == 2 * GIB
    one_by_one = run(make_job("a", steps=100), make_job("b", steps=10), slots=1)
    assert one_by_one.summary.devices[0].peak_bytes == GIB


def test_a_gpu_is_busy_by_the_profile_s_utilisation():
    kernels = [make_operator(500, lane="gpu", host_us=900)]
    step = make_step("gpu", mean_us=1400)
    profiles = by_key(make_profile(steps=[step], operators=kernels, utilisation={"gpu": 0.4}))
    machine = make_machine(2, gpus=1)
    result = run(make_job(steps=100), machine=machine, profiles=profiles)
    gpu, cpu = result.summary.devices
    assert (gpu.name, gpu.busy_fraction) == ("gpu:0", pytest.approx(0.4))
    assert (cpu.name, cpu.busy_fraction) == ("cpu:0", pytest.approx(0.5))
    assert {row.lane for row in result.timeline} == {"gpu"}


@pytest.mark.parametrize(("gpu_gib", "started_at_once"), [(11, 2), (12, 3)])
def test_workers_of_a_gpu_without_a_job_hold_their_contexts(gpu_gib, started_at_once):
    """Three of 1.2 x 2 GiB and five contexts of 0.8 GiB: 11.2 GiB."""
    profile = make_profile(steps=[make_step("gpu")], peak_bytes=2 * GIB)
    memory = tuple(replace(each, context_bytes=GIB * 4 // 5) for each in profile.memory)
    problem = problem_of(
        make_workload(*(make_job(f"j{index}") for index in range(3))),
        make_machine(8, gpus=1, gpu_memory_bytes=gpu_gib * GIB),
        by_key(replace(profile, memory=memory)),
    )
    layout = Layout((DeviceSlots("gpu:0", 8, 1),))
    times = Uncontended(problem.profiles)
    jobs = simulate(problem, make_policy("dySequ"), layout, times).summary.jobs
    assert sum(job.start_s == 0 for job in jobs) == started_at_once
    crowded = Layout((DeviceSlots("gpu:0", 12, 1),))
    machine = make_machine(12, gpus=1, gpu_memory_bytes=11 * GIB)
    with pytest.raises(InputError, match=r"2\.40 GiB on gpu:0; .* gpu:0 has 2\.20 GiB"):
        simulate(replace(problem, machine=machine), make_policy("dySequ"), crowded, times)


def test_summary_says_where_it_comes_from():
    summary = run(make_job(), run="what-if").summary
    assert (summary.run, summary.policy, summary.level) == ("what-if", "dySequ", "job")
    assert (summary.origin, summary.probe_s) == ("modelled", None)  # the machine is
    assert summary.startup_s == make_machine().worker_startup_s


def test_more_slots_than_cores_start_up_more_slowly():
    jobs = [make_job(f"j{index}", steps=5) for index in range(6)]
    machine = make_machine(2)
    policy = make_policy("all_at_once")
    layout = policy.layout(machine, 6, Cut())
    result = simulate(
        problem_of(make_workload(*jobs), machine, PROFILES), policy, layout, Uncontended(PROFILES)
    )
    assert result.summary.startup_s == pytest.approx(2.0 * 6 / 2)


class Idle(Policy):
    """Never starts anything."""

    name = "idle"

    def decide(self, view):
        return ()


def test_a_policy_that_starves_jobs_is_an_error():
    machine = make_machine(2)
    with pytest.raises(RunFailed, match=r"leaves jobs waiting.*job-0"):
        simulate(
            problem_of(make_workload(make_job()), machine, PROFILES),
            Idle(),
            even_layout(machine, 1, 1),
            Uncontended(PROFILES),
        )


def test_a_layout_that_the_machine_does_not_have():
    machine = make_machine(2)
    for layout in (even_layout(machine, 3, 1), Layout((DeviceSlots("gpu:0", 1, 1),))):
        with pytest.raises(InputError, match="layout of dySequ"):
            simulate(
                problem_of(make_workload(make_job()), machine, PROFILES),
                make_policy("dySequ"),
                layout,
                Uncontended(PROFILES),
            )
