"""A job at another batch: as many samples, in whole batches."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from made_up_programs import make_command_job

from rmixer.testing.made_up import make_job
from rmixer.workload.real_training import Evaluation, LrSchedule
from rmixer.workload.rebatching import has_batch, with_batch


@given(steps=st.integers(1, 10_000), batch=st.integers(1, 4096), other=st.integers(1, 4096))
def test_it_sees_all_samples_and_less_than_a_batch_more(steps: int, batch: int, other: int) -> None:
    job = make_job(steps=steps, batch=batch)
    found = with_batch(job, other)
    assert 0 <= found.steps * found.batch - steps * batch < other
    assert replace(found, batch=batch, steps=steps) == job


def test_what_counts_steps_goes_along() -> None:
    job = replace(
        make_job(steps=1000, batch=64),
        evaluate=Evaluation(every_steps=100, batches=20),
        lr_schedule=LrSchedule("linear", warmup_steps=40),
    )
    found = with_batch(job, 512)
    assert (found.steps, found.batch) == (125, 512)
    assert found.evaluate == Evaluation(every_steps=12, batches=2)
    assert found.lr_schedule == LrSchedule("linear", warmup_steps=5)
    assert with_batch(job, 64) is job


def test_whose_batch_the_workload_decides() -> None:
    assert has_batch(make_job())
    assert not has_batch(make_command_job("train"))
