"""What a user says of slots and threads, as one layout and as the cuts that a sweep tries."""

from __future__ import annotations

from itertools import product

import pytest

from experiments.stages.layouts import choose_layout, grid, profiled_threads
from rmixer.errors import InputError
from rmixer.policies import make_policy
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.scheduling.wanted_slots import Wanted
from rmixer.testing.made_up import (
    by_key,
    make_job,
    make_machine,
    make_profile,
    make_step,
    make_workload,
)

ON_BOTH = [make_step(threads=1), make_step(threads=2), make_step("gpu")]
ON_CPU = ON_BOTH[:2]


def problem(cores: int = 4, gpus: int = 0, cpu_job: bool = False) -> Problem:
    """Jobs that run on both kinds, with one or two threads on the CPU and one beside a GPU; with
    ``cpu_job`` one that runs on the CPU alone."""
    profiles = [make_profile(steps=ON_BOTH)]
    jobs = [make_job("a"), make_job("b")]
    if cpu_job:
        profiles.append(make_profile("amazon_din", ON_CPU))
        jobs.append(make_job("c", "amazon_din"))
    machine = make_machine(cores=cores, gpus=gpus)
    return problem_of(make_workload(*jobs), machine, by_key(*profiles))


def chosen(problem: Problem, policy: str = "dyMix", **wanted: int) -> str:
    """The layout as it is printed."""
    said = Wanted(**{name: (count,) for name, count in wanted.items()})
    return str(Cut.of(choose_layout(problem, make_policy(policy), said)))


@pytest.mark.parametrize(
    ("wanted", "layout"),
    [
        ({}, "CPU 4 × 1"),
        ({"threads": 2}, "CPU 2 × 2"),
        ({"slots": 3}, "CPU 3 × 1"),
        ({"cpu_slots": 1, "cpu_threads": 2}, "CPU 1 × 2"),
        ({"slots": 2, "gpu_slots": 0}, "CPU 2 × 1"),
    ],
)
def test_without_a_gpu_slots_are_of_the_cpu(wanted: dict[str, int], layout: str) -> None:
    assert chosen(problem(), **wanted) == layout


@pytest.mark.parametrize(
    ("wanted", "layout"),
    [
        ({}, "GPU 4 × 1"),
        ({"slots": 2}, "GPU 2 × 1"),
        ({"cpu_slots": 1, "cpu_threads": 2}, "GPU 3 × 1, CPU 1 × 2"),
        ({"slots": 2, "cpu_slots": 2}, "GPU 2 × 1, CPU 2 × 1"),
        ({"gpu_slots": 0}, "CPU 1 × 1"),
        ({"gpu_slots": 0, "cpu_slots": 4}, "CPU 4 × 1"),
    ],
)
def test_with_gpus_slots_are_of_each_gpu_and_the_cpu_has_its_own(
    wanted: dict[str, int], layout: str
) -> None:
    """Eight cores, two GPUs: what the CPU leaves is shared evenly."""
    assert chosen(problem(8, gpus=2), **wanted) == layout


def test_a_job_for_the_cpu_alone_gets_a_slot_there() -> None:
    assert chosen(problem(4, gpus=1, cpu_job=True)) == "GPU 3 × 1, CPU 1 × 1"
    assert chosen(problem(4, gpus=1, cpu_job=True), cpu_slots=2) == "GPU 2 × 1, CPU 2 × 1"


def test_the_cores_of_gpu_slots_and_cpu_slots_are_apart() -> None:
    both = problem(4, gpus=1)
    layout = choose_layout(
        both, make_policy("dyMix"), Wanted((2,), cpu_slots=(1,), cpu_threads=(2,))
    )
    places = [("gpu:0", 0), ("gpu:0", 1), ("cpu:0", 0)]
    assert [layout.cores(both.machine, *place) for place in places] == [(0,), (1,), (2, 3)]


def test_a_policy_that_cuts_the_machine_itself_has_the_threads_that_were_profiled() -> None:
    """Of four threads two are profiled on the CPU and one beside a GPU."""
    layout = choose_layout(problem(4, gpus=1), make_policy("sequential"), Wanted((3,)))
    assert layout == Layout((DeviceSlots("gpu:0", 1, 1), DeviceSlots("cpu:0", 1, 2)), in_turn=True)


@pytest.mark.parametrize(
    ("gpus", "wanted", "message"),
    [
        (1, {"gpu_slots": 0, "cpu_slots": 0}, "no slots: 0 a GPU, 0 on the CPU; allowed: at least"),
        (0, {"cpu_slots": 0}, "no slots: 0 a GPU, 0 on the CPU; allowed: at least"),
        (1, {"slots": 5}, "found 5; allowed: at most the 4 usable cores"),
        (1, {"gpu_slots": 3, "cpu_slots": 2}, "found 5; allowed: at most the 4 usable cores"),
        (1, {"cpu_slots": 4}, "found 5; allowed: at most the 4 usable cores"),
        (0, {"slots": 3, "threads": 2}, "found 6; allowed: at most the 4 usable cores"),
        (1, {"slots": 2, "gpu_slots": 2}, "--slots: found 2; allowed: one of --slots and --gpu-sl"),
        (0, {"slots": 2, "cpu_slots": 2}, "--slots: found 2; allowed: one of --slots and --cpu-sl"),
        (1, {"threads": 1, "gpu_threads": 1}, "--threads: found 1; allowed: one of --threads and"),
        (0, {"gpu_slots": 2}, "--gpu-slots: found 2; allowed: 0: made-up has no GPU that these"),
        (0, {"gpu_threads": 2}, "--gpu-threads: found 2; allowed: nothing: made-up has no GPU"),
        (0, {"cpu_threads": 3}, "--cpu-threads: found 3; allowed: profiled: 1,2"),
        (1, {"threads": 2}, "--gpu-threads: found 2; allowed: profiled: 1"),
    ],
)
def test_what_cannot_be(gpus: int, wanted: dict[str, int], message: str) -> None:
    with pytest.raises(InputError) as error:
        chosen(problem(4, gpus), **wanted)
    assert message in str(error.value)


def test_the_counts_of_threads_that_every_profile_of_a_kind_has() -> None:
    both, on_cpu = make_profile(steps=ON_BOTH), make_profile(steps=[make_step(threads=2)])
    assert profiled_threads([both]) == {"cpu": [1, 2], "gpu": [1]}
    assert profiled_threads([both, on_cpu]) == {"cpu": [2], "gpu": [1]}


def test_a_sweep_without_a_gpu_tries_powers_of_two_and_all_cores() -> None:
    cuts = grid(problem(6), Wanted())
    tried = {(cut.cpu_slots, cut.cpu_threads) for cut in cuts}
    assert tried == {(1, 1), (2, 1), (4, 1), (6, 1), (1, 2), (2, 2)}
    assert len(cuts) == len(tried)
    assert {(cut.gpu_slots, cut.gpu_threads) for cut in cuts} == {(0, 0)}


@pytest.mark.parametrize("gpus", [1, 2])
def test_a_sweep_with_gpus_tries_every_pair_that_the_cores_suffice_for(gpus: int) -> None:
    """GPU slots have one thread, CPU slots one or two; none of one kind has no threads."""
    expected = set()
    for g, c, threads in product((0, 1, 2, 4, 6), (0, 1, 2, 4, 6), (1, 2)):
        if g + c > 0 and gpus * g + c * threads <= 6:
            expected.add((g, c, min(g, 1), threads if c else 0))
    cuts = grid(problem(6, gpus), Wanted())
    found = [(c.gpu_slots, c.cpu_slots, c.gpu_threads, c.cpu_threads) for c in cuts]
    assert set(found) == expected
    assert len(found) == len(expected)


def test_a_sweep_tries_the_lists_that_are_given() -> None:
    both = problem(6, gpus=1)
    assert [str(cut) for cut in grid(both, Wanted((1, 2)))] == ["GPU 1 × 1", "GPU 2 × 1"]
    wanted = Wanted(gpu_slots=(0, 4), cpu_slots=(2,), cpu_threads=(1, 2))
    assert [str(cut) for cut in grid(both, wanted)] == [
        "CPU 2 × 1",
        "CPU 2 × 2",
        "GPU 4 × 1, CPU 2 × 1",
    ]


def test_slots_of_gpus_leave_the_cpu_to_a_job_that_needs_it() -> None:
    cuts = grid(problem(3, gpus=1, cpu_job=True), Wanted(slots=(2,)))
    assert [str(cut) for cut in cuts] == ["GPU 2 × 1", "GPU 2 × 1, CPU 1 × 1"]


@pytest.mark.parametrize(("kind", "cut"), [("gpu", "GPU"), ("cpu", "CPU")])
def test_a_sweep_leaves_out_the_devices_that_no_job_can_run_on(kind: str, cut: str) -> None:
    profile = make_profile(steps=[make_step(kind)])
    machine = make_machine(cores=4, gpus=1)
    cuts = grid(problem_of(make_workload(make_job("a")), machine, by_key(profile)), Wanted())
    assert [str(each) for each in cuts] == [f"{cut} {slots} × 1" for slots in (1, 2, 4)]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted(gpu_slots=(1, 8)), "--gpu-slots: found 8; allowed: slots x threads, on all dev"),
        (Wanted(slots=(1, 8)), "--slots: found 8; allowed: slots x threads, on all dev"),
        (Wanted(cpu_slots=(2, 7)), "--cpu-slots: found 7; allowed: slots x threads, on all dev"),
        (Wanted(gpu_slots=(2, 4), cpu_slots=(4,)), "--gpu-slots: found 4; allowed: slots x thr"),
        (Wanted(gpu_slots=(0,), cpu_slots=(0,)), "found 0 slots a GPU and 0 on the CPU"),
        (Wanted(gpu_slots=(8,), cpu_slots=(1, 2)), "found 8 slots a GPU and 1,2 on the CPU"),
        (Wanted(cpu_threads=(1, 3)), "--cpu-threads: found 3; allowed: profiled: 1,2"),
        (Wanted(threads=(2,)), "--gpu-threads: found 2; allowed: profiled: 1"),
        (Wanted((1,), gpu_slots=(2,)), "--slots: found 1; allowed: one of --slots and"),
    ],
)
def test_a_sweep_of_nothing_is_refused(wanted: Wanted, message: str) -> None:
    with pytest.raises(InputError) as error:
        grid(problem(6, gpus=1), wanted)
    assert message in str(error.value)
