"""A profile measured at one count of threads or on one kind of device keeps the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from profiles.stored.merging import with_other_places
from profiles.stored.store import Store
from rmixer.model_profile.model_profile import Kind, MemoryCost, ModelProfile
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step
from rmixer.workload.workload import job_of


def measured(places: Sequence[tuple[Kind, int]], mean_us: float = 10_000.0) -> ModelProfile:
    """On each of ``places`` one step and one operator."""
    steps = [make_step(kind, threads, mean_us, warmup_s=1.0) for kind, threads in places]
    rows = [make_operator(mean_us, lane=kind, threads=threads) for kind, threads in places]
    return make_profile("criteo_dlrm", steps, rows, batch=256)


def places(profile: ModelProfile) -> list[tuple[str, int, float]]:
    found = [(step.device, step.threads, step.mean_us) for step in profile.steps]
    assert [(row.lane, row.threads, row.mean_us) for row in profile.operators] == found
    return found


def test_what_is_measured_again_is_new_and_the_rest_stays() -> None:
    old = measured([("cpu", 1), ("cpu", 2)])
    found = with_other_places(measured([("cpu", 2), ("cpu", 4)], 20_000.0), old)
    assert places(found) == [("cpu", 1, 10_000.0), ("cpu", 2, 20_000.0), ("cpu", 4, 20_000.0)]


def test_on_the_cores_alone_the_gpu_s_stay() -> None:
    """As ``rmixer run`` profiles."""
    old = replace(
        measured([("cpu", 1), ("gpu", 1)]),
        memory=(MemoryCost("cpu", 1, 1, 1, 1, 1, 9), MemoryCost("gpu", 1, 1, 1, 1, 1, 7)),
        utilisation={"cpu": 0.5, "gpu": 0.25},
        job_type={"cpu": "compute", "gpu": "low"},
    )
    new = replace(
        measured([("cpu", 1), ("cpu", 2)], 8_000.0),
        memory=(MemoryCost("cpu", 2, 2, 2, 2, 2, 8),),
        utilisation={"cpu": 0.75},
        job_type={"cpu": "memory"},
    )
    found = with_other_places(new, old)
    assert places(found) == [("cpu", 1, 8_000.0), ("cpu", 2, 8_000.0), ("gpu", 1, 10_000.0)]
    assert found.utilisation == {"cpu": 0.75, "gpu": 0.25}
    assert found.job_type == {"cpu": "memory", "gpu": "low"}
    assert [(cost.device, cost.peak_bytes) for cost in found.memory] == [("cpu", 9), ("gpu", 7)]


def test_figures_of_the_fewest_threads_are_theirs() -> None:
    one = replace(
        measured([("cpu", 1)]), flops=100, bytes=50, intensity=2.0, utilisation={"cpu": 1}
    )
    two = replace(
        measured([("cpu", 2)]), flops=90, bytes=60, intensity=1.5, utilisation={"cpu": 0.2}
    )
    for new, old in ((one, two), (two, one)):
        found = with_other_places(new, old)
        assert (found.flops, found.bytes, found.intensity) == (100, 50, 2.0)
        assert found.utilisation == {"cpu": 1}


def test_the_warm_up_is_of_as_many_steps_everywhere() -> None:
    """Two more, of 10 ms each."""
    new, old = measured([("cpu", 2)]), replace(measured([("cpu", 1)]), warmup_steps=7)
    found = with_other_places(replace(new, warmup_steps=5), old)
    assert found.warmup_steps == 7
    assert [step.warmup_s for step in found.steps] == [1.0, pytest.approx(1.02)]


def test_of_another_torch_nothing_stays() -> None:
    old, new = measured([("cpu", 1)]), measured([("cpu", 2)])
    assert places(with_other_places(new, old)) == [("cpu", 1, 10_000.0), ("cpu", 2, 10_000.0)]
    new = replace(new, fingerprint=replace(new.fingerprint, torch="0.2"))
    old = replace(old, fingerprint=replace(old.fingerprint, torch="0.1"))
    assert with_other_places(new, old) == new
    assert with_other_places(new, None) == new


def test_counts_profiled_one_after_another_are_both_known(tmp_path: Path) -> None:
    store, machine = Store(tmp_path), make_machine(cores=4)
    store.save(measured([("cpu", 1)]))
    path = store.save(measured([("cpu", 2)]))
    for counts in ((1,), (2,), (1, 2)):
        _, missing = store.load([job_of("criteo_dlrm")], machine, counts)
        assert missing == []
    (path / "operators.csv").write_text("damaged")
    store.save(measured([("cpu", 4)]))
    (found,) = store.profiles("made-up")
    assert places(found) == [("cpu", 4, 10_000.0)]
