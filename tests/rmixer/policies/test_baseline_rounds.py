"""``monolithic`` and ``mps`` by hand-made cases."""

from __future__ import annotations

from fake_clock import FakeJob, machine, placed, run, slots

from rmixer.policies import make_policy
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout


def test_monolithic_waits_for_the_slowest_gpu() -> None:
    """a (3 s) and b (1 s) take a GPU each at 0. GPU 1 is idle from 1 on; c and d start at 3."""
    two_gpus = machine(cores=2, gpu_mib=(8000, 8000))
    policy = make_policy("monolithic")
    jobs = [FakeJob("a", 10, duration_s=3), *(FakeJob(name, 10) for name in "bcd")]
    starts = run(two_gpus, policy.layout(two_gpus, 4, Cut()), jobs, policy)
    assert placed(starts) == [
        (0, "a", "gpu:0"),
        (0, "b", "gpu:1"),
        (3, "c", "gpu:0"),
        (3, "d", "gpu:1"),
    ]


def test_monolithic_gives_a_gpu_one_job_and_its_share_of_the_threads() -> None:
    """Five cores are two for each of two GPUs. Without a GPU the CPU has one job, on all cores."""
    policy = make_policy("monolithic")
    shares = Layout((DeviceSlots("gpu:0", 1, 2), DeviceSlots("gpu:1", 1, 2)))
    assert policy.layout(machine(5, (8000, 8000)), 9, Cut(gpu_slots=4)) == shares
    on_cpu = Layout((DeviceSlots("cpu:0", 1, 5),))
    assert policy.layout(machine(5), 9, Cut(cpu_slots=5)) == on_cpu
    jobs = [FakeJob("a", 10, duration_s=2), FakeJob("b", 10)]
    assert placed(run(machine(5), on_cpu, jobs, policy)) == [(0, "a", "cpu:0"), (2, "b", "cpu:0")]


def test_mps_gives_each_gpu_a_block_of_consecutive_jobs() -> None:
    """Two GPUs of two slots: a, b and c, d at 0. a takes 3 s, so e and f start at 3."""
    jobs = [FakeJob("a", 10, duration_s=3), *(FakeJob(name, 10) for name in "bcdef")]
    starts = run(machine(gpu_mib=(8000, 8000)), slots(gpu0=2, gpu1=2), jobs, make_policy("mps"))
    assert placed(starts) == [
        (0, "a", "gpu:0"),
        (0, "b", "gpu:0"),
        (0, "c", "gpu:1"),
        (0, "d", "gpu:1"),
        (3, "e", "gpu:0"),
        (3, "f", "gpu:0"),
    ]


def test_mps_looks_at_no_memory() -> None:
    """Three jobs of 900 MiB start together on 1000 MiB."""
    jobs = [FakeJob(name, 900) for name in "abc"]
    starts = run(machine(gpu_mib=(1000,)), slots(gpu0=3), jobs, make_policy("mps"))
    assert [start.at_s for start in starts] == [0, 0, 0]


def test_a_job_that_arrives_while_a_round_runs_waits_for_its_end() -> None:
    """a runs from 0 to 4; b arrives at 1 and finds a slot free, but starts at 4."""
    jobs = [FakeJob("a", 10, duration_s=4), FakeJob("b", 10, arrival_s=1)]
    starts = run(machine(gpu_mib=(8000,)), slots(gpu0=2), jobs, make_policy("mps"))
    assert placed(starts) == [(0, "a", "gpu:0"), (4, "b", "gpu:0")]
