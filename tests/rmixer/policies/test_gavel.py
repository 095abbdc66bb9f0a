"""Gavel's linear program, solved by hand and as an assignment."""

from __future__ import annotations

from fake_clock import FakeJob, machine, placed, run, slots
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from rmixer.policies import make_policy


def gavel(*jobs: FakeJob, gpu: int = 1, cpu: int = 1) -> list[tuple[float, str, str]]:
    layout = slots(gpu0=gpu, cpu0=cpu)
    return placed(run(machine(gpu_mib=(8000,)), layout, jobs, make_policy("gavel")))


def job(name: str, gpu_s: int, cpu_s: int, arrival_s: int = 0) -> FakeJob:
    return FakeJob(name, 10, duration_s=cpu_s, gpu_s=gpu_s, arrival_s=arrival_s)


def test_the_most_steps_a_second_in_all() -> None:
    """100 steps each. a makes 50 a second on the GPU and 10 on the CPU, b 100 and 50. a on the GPU
    and b on the CPU make 100; b on the GPU and a on the CPU 110, though b loses less there."""
    assert gavel(job("a", 2, 10), job("b", 1, 2)) == [(0, "a", "cpu:0"), (0, "b", "gpu:0")]


def test_a_job_that_gains_little_from_the_gpu_leaves_it() -> None:
    """a makes 50 and 20 a second, b 25 and 20: a on the GPU and b on the CPU make 70, the other way
    45. b was submitted first."""
    assert gavel(job("b", 4, 5), job("a", 2, 5)) == [(0, "b", "cpu:0"), (0, "a", "gpu:0")]


def test_who_has_no_share_waits_for_those_who_have_one() -> None:
    """One GPU slot, one CPU slot, three jobs: a 100 and 25, b 50 and 50, c 50 and 20. The best two
    are a on the GPU and b on the CPU, 150. c has no share, and goes where it is fastest: it waits
    for the GPU until 1, when a has ended."""
    found = gavel(job("c", 2, 5), job("a", 1, 4), job("b", 2, 2))
    assert sorted(found) == [(0, "a", "gpu:0"), (0, "b", "cpu:0"), (1, "c", "gpu:0")]


def test_a_job_that_runs_counts_for_the_shares_of_those_that_wait() -> None:
    """a makes 100 a second on the GPU and runs there. b comes at 1: 50 on the GPU, 10 on the CPU.
    The GPU's one slot is a's by the program, so the CPU is b's."""
    found = gavel(FakeJob("a", 10, duration_s=9, gpu_s=4), job("b", 5, 10, arrival_s=1))
    assert found == [(0, "a", "gpu:0"), (1, "b", "cpu:0")]


def test_a_job_has_no_share_of_a_kind_that_cannot_run_it() -> None:
    """b cannot use the GPU. It waits for the CPU, where a is faster."""
    jobs = [FakeJob("a", 10, duration_s=2, kinds=("cpu",)), FakeJob("b", 10, kinds=("cpu",))]
    assert gavel(*jobs) == [(0, "b", "cpu:0"), (1, "a", "cpu:0")]


@given(
    times_s=st.lists(
        st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=1, max_size=7, unique=True
    ),
    gpu=st.integers(1, 3),
    cpu=st.integers(1, 3),
)
def test_what_starts_first_makes_as_many_steps_as_the_best_assignment(
    times_s: list[tuple[int, int]], gpu: int, cpu: int
) -> None:
    """The program's corners are assignments of jobs to slots, so the Hungarian method solves it."""
    rates = [[100 / g] * gpu + [100 / c] * cpu for g, c in times_s]
    rows, columns = linear_sum_assignment(rates, maximize=True)
    best = sum(rates[row][column] for row, column in zip(rows, columns, strict=True))
    starts = gavel(*(job(f"j{i}", *both) for i, both in enumerate(times_s)), gpu=gpu, cpu=cpu)
    kinds = {"gpu:0": 0, "cpu:0": -1}
    at_once = [rates[int(name[1:])][kinds[device]] for at, name, device in starts if at == 0]
    assert sum(at_once) >= best - 1e-9
