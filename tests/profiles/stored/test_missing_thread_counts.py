"""What a profile lacks, by hand."""

from __future__ import annotations

from dataclasses import replace

from profiles.stored.merging import lacking_counts
from rmixer.testing.made_up import make_job, make_machine, make_profile, make_step

JOB = make_job()


def test_all_where_there_is_none() -> None:
    assert lacking_counts(None, JOB, make_machine(cores=4), (1, 4), False) == (1, 4)


def test_those_that_no_step_has() -> None:
    known = make_profile(steps=[make_step(threads=2)])
    assert lacking_counts(known, JOB, make_machine(cores=4), (1, 2, 4), False) == (1, 4)


def test_neighbours_are_lacking_where_a_core_is_left_for_one() -> None:
    steps = [make_step(threads=1), make_step(threads=2, compute_slowdown=(1.1,))]
    known = make_profile(steps=[*steps, make_step(threads=4)])
    machine = make_machine(cores=4)
    assert lacking_counts(known, JOB, machine, (1, 2, 4), True) == (1,)
    assert lacking_counts(known, JOB, machine, (1, 2, 4), False) == ()


def test_a_gpu_has_counts_of_its_own_unless_it_does_not_hold_the_job() -> None:
    machine = make_machine(cores=2, gpus=1)
    known = make_profile(steps=[make_step(threads=1), make_step(threads=2)])
    assert lacking_counts(known, JOB, machine, (1, 2), False) == (1, 2)
    unfit = replace(known, does_not_fit=("gpu",))
    assert lacking_counts(unfit, JOB, machine, (1, 2), False) == ()
