"""What is wrong with a job and its data is said before any clock runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.stages.execution import prepare_data
from rmixer.data.prepare import open_dataset
from rmixer.errors import InputError
from rmixer.workload.workload import Workload, job_of


@pytest.mark.usefixtures("rmixer_home")
def test_a_batch_is_at_most_what_there_is_to_train_on() -> None:
    job = job_of("ncf")
    samples = open_dataset(job.entry.dataset, job.data).train_rows
    prepare_data(Workload("fits", 0, (job, replace(job, batch=samples))))
    large = replace(job, id="large", batch=samples + 1)
    with pytest.raises(InputError) as refusal:
        prepare_data(Workload("does not", 0, (job, large)))
    message = str(refusal.value)
    assert message.startswith(f"job large: batch: found {samples + 1}; allowed: at most the ")
    assert f"{samples} samples" in message
