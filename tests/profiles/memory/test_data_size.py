"""What is wrong with a job and the samples that it asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.memory.data_size import Samples, check_samples, known_samples
from rmixer.data.arrays import Chunks
from rmixer.data.registry import dataset_entry
from rmixer.errors import InputError
from rmixer.workload.workload import job_of


@pytest.mark.parametrize(
    ("model", "batch", "message"),
    [
        ("criteo_flen", 1, "criteo_flen: batch: found 1; allowed: two samples or more"),
        ("alidisplay_dmr", 1, "alidisplay_dmr: batch: found 1; allowed: two samples or more"),
        ("ncf", 10**6, "job ncf-0: batch: found 1000000; allowed: at most the 131250 samples"),
        ("rm2", 5000, "job rm2-0: batch: found 5000; allowed: at most the 4272 samples"),
    ],
)
def test_batches_that_cannot_be_trained_with(model: str, batch: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_samples(replace(job_of(model), batch=batch))


def test_of_other_models_a_single_sample_will_do() -> None:
    check_samples(replace(job_of("criteo_dlrm"), batch=1))


def test_samples_that_are_known_beforehand_are_those_of_the_data() -> None:
    dataset = dataset_entry("deeprecsys_ncf").load()
    lengths: list[int] = []
    train = each_chunk(dataset.twin(), lengths)
    assert known_samples(job_of("ncf")) == Samples(train, sum(lengths) - train)
    assert known_samples(replace(job_of("ncf"), data="files")) is None
    assert known_samples(job_of("criteo_dlrm")) is None


def each_chunk(chunks: Chunks, lengths: list[int]) -> int:
    """The length of each into ``lengths``; returns what comes after the last."""
    while True:
        try:
            lengths.append(len(next(chunks)["label"]))
        except StopIteration as end:
            return int(end.value)
