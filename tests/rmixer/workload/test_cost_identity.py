"""What changes the key that profiles are filed under, and what does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rmixer.models.registry import MODELS
from rmixer.workload.cost_identity import source_hash
from rmixer.workload.workload import Job, job_of, job_with

JOB = Job("a", "criteo_dlrm", 100, 256, "adam", 0.001, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "b"},
        {"steps": 7},
        {"lr": 0.5},
        {"seed": 9},
        {"arrival_s": 3.0},
    ],
)
def test_what_belongs_to_the_job_leaves_the_key(change: dict[str, Any]) -> None:
    assert replace(JOB, **change).identity.key == JOB.identity.key


@pytest.mark.parametrize(
    "change",
    [
        {"model": "criteo_deepfm"},
        {"batch": 512},
        {"optimizer": "sgd"},
        {"rows_cap": 1000},
        {"data": "/data/train.txt"},
    ],
)
def test_what_changes_the_cost_changes_the_key(change: dict[str, Any]) -> None:
    assert replace(JOB, **change).identity.key != JOB.identity.key


def test_the_key_names_model_and_batch() -> None:
    assert JOB.identity.key.startswith("criteo_dlrm-b256-")
    assert len(JOB.identity.key) == len("criteo_dlrm-b256-") + 8


def test_the_sources_of_every_model_are_there_and_tell_them_apart() -> None:
    hashes = {
        (entry.architecture, entry.dataset): source_hash(entry.architecture, entry.dataset)
        for entry in MODELS.values()
    }
    assert len(set(hashes.values())) == len(hashes)


@pytest.mark.parametrize("model", MODELS)
def test_a_job_is_found_again_by_its_identity(model: str) -> None:
    job = replace(job_of(model), batch=17, rows_cap=100, precision="bf16", optimizer="sgd")
    assert job_with(job.identity).identity == job.identity
