"""Jobs that cannot run are refused before anything starts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rmixer.errors import InputError
from rmixer.scheduling.admission import check_memory
from rmixer.scheduling.layout import even_layout
from rmixer.scheduling.problem import problem_of
from rmixer.testing.made_up import (
    GIB,
    by_key,
    make_job,
    make_machine,
    make_profile,
    make_step,
    make_workload,
)

WORKLOAD = make_workload(make_job("small", "amazon_din"), make_job("large", "criteo_dlrm"))


def check(large_bytes: int, memory_bytes: int = 8 * GIB) -> None:
    machine = make_machine(memory_bytes=memory_bytes)
    profiles = by_key(make_profile("amazon_din"), make_profile(peak_bytes=large_bytes))
    check_memory(problem_of(WORKLOAD, machine, profiles), even_layout(machine, 1, 1))


def test_a_job_may_use_less_than_the_memory_over_1_2():
    check(6 * GIB)


def test_a_job_that_fits_no_device_is_named_with_both_figures():
    with pytest.raises(InputError, match=r"large.*8\.40 GiB on cpu:0.*cpu:0 has 8\.00 GiB"):
        check(7 * GIB)


def test_1_2_times_the_peak_must_be_below_the_memory_not_at_it():
    with pytest.raises(InputError, match="large"):
        check(5 * GIB, memory_bytes=6 * GIB)


def test_a_device_that_is_not_in_use_does_not_count():
    machine = make_machine(gpus=1, gpu_memory_bytes=GIB, memory_bytes=64 * GIB)
    steps = [make_step(), make_step("gpu")]
    profiles = by_key(make_profile(steps=steps, peak_bytes=2 * GIB))
    with pytest.raises(InputError, match=r"gpu:0 has 1\.00 GiB"):
        check_memory(
            problem_of(make_workload(make_job()), machine, profiles), even_layout(machine, 1, 1)
        )


def test_a_job_without_a_profile_or_one_for_the_device():
    machine = make_machine(gpus=1)
    layout = even_layout(machine, 1, 1)
    with pytest.raises(InputError, match=r"job-0.*no profile criteo_dlrm-b256-"):
        check_memory(problem_of(make_workload(make_job()), machine, {}), layout)
    told = r"job-0.*a profile of cpu, without memory figures for gpu:0.*profile it there"
    with pytest.raises(InputError, match=told):
        check_memory(problem_of(make_workload(make_job()), machine, by_key(make_profile())), layout)


def test_an_imported_profile_of_a_device_that_is_not_there():
    job = replace(make_job(), model="traced", profile="traced", source="0")
    imported = replace(make_profile(), identity=job.identity)
    machine = make_machine(gpus=1)
    with pytest.raises(InputError, match=r"a profile of cpu, .*for gpu:0.*`--machine`"):
        check_memory(
            problem_of(make_workload(job), machine, {imported.key: imported}),
            even_layout(machine, 1, 1),
        )
