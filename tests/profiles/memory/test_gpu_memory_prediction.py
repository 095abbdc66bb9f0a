"""Memory on a GPU before the run: by hand, and against a recording of a real one."""

from __future__ import annotations

import statistics
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from code_paths import CODE_PATHS, EVERY_MODEL
from made_up_programs import make_command_job

from experiments.bench.gpu_memory import recorded_rows
from experiments.tables.gpu_memory_table import GpuMemoryRow, sources
from profiles.memory import gpu_memory_prediction
from profiles.memory.absent_gpu import STAND_IN, absent_gpu
from profiles.memory.caching_allocator import CachingAllocator
from profiles.memory.gpu_memory_prediction import _GpuWatch, predict_gpu_memory, workspace_bytes
from profiles.memory.known_gpu import KnownGpu, known_gpu
from profiles.memory.memory_prediction import predict_memory
from profiles.memory.watched_step import peak_by_use
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.model_profile.model_profile import MemoryCost, ModelProfile
from rmixer.models.registry import MODELS
from rmixer.workload.workload import Job, job_of

MIB = 1 << 20
RECORDED = "h100-16c"
OLD_CALIBRATION_BYTES = 4 * (128 * 131072 + 131072) + 1000 * (1024 + 512) + 512
"""66 MiB of the profiler's own that lay beside the step when the first models were recorded: a
tensor of 64 MiB that was copied from, one of 512 KiB that was copied to, 1000 layers of 16 x 16, a
batch."""
OLD = {
    *("criteo_dlrm", "criteo_deepfm", "criteo_widedeep", "criteo_dcn", "criteo_flen"),
    *("avazu_flen", "amazon_din", "amazon_bst"),
}
"""The models that were recorded then."""
SLOW = ("dien", "kdd_dpin", "beauty_bert4rec", "alidisplay_dmr")
"""Models of whose step a comparison takes seconds."""


def small(model: str, batch: int = 16, rows_cap: int | None = 1000) -> Job:
    return replace(job_of(model), batch=batch, rows_cap=rows_cap)


class Chosen(Store):
    """The profiles of ``models`` alone."""

    def __init__(self, models: Collection[str]) -> None:
        super().__init__()
        self._models = models

    def profiles(self, machine: str) -> list[ModelProfile]:
        return [each for each in super().profiles(machine) if each.identity.model in self._models]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(CODE_PATHS, id="a model for each code path"),
        pytest.param(MODELS, id="every model", marks=pytest.mark.every_model),
    ],
)
def rows(request: pytest.FixtureRequest) -> list[GpuMemoryRow]:
    return recorded_rows(Chosen(request.param), RECORDED)


@pytest.fixture(scope="module")
def recorded() -> dict[str, MemoryCost]:
    """What was measured on the GPU, by model."""
    profiles = Store().profiles(RECORDED)
    return {profile.identity.model: profile.memory[1] for profile in profiles}


@pytest.fixture(autouse=True)
def _default_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)


def test_what_the_driver_gave_out_on_a_recorded_gpu(
    rows: list[GpuMemoryRow], recorded: dict[str, MemoryCost]
) -> None:
    """Without the context, which was measured and is no prediction."""
    errors = {row.job.model: abs(row.reserved_error or 0.0) for row in rows}
    assert len(recorded) == 16
    assert errors.keys() in (recorded.keys(), recorded.keys() & CODE_PATHS.keys())
    assert statistics.fmean(errors.values()) < 0.003
    assert max(errors.values()) < 0.02


def test_what_the_allocator_gave_out_on_a_recorded_gpu(
    rows: list[GpuMemoryRow], recorded: dict[str, MemoryCost]
) -> None:
    """The recorded activations are the allocator's peak but for parameters, gradients, the
    optimizer's state and workspaces. The first eight models' hold the workspaces, and the old
    calibration, which is taken off."""
    for row in rows:
        found = recorded[row.job.model]
        parts = (found.parameter_bytes, found.gradient_bytes, found.optimizer_bytes)
        held = sum(part or 0 for part in (*parts, found.activation_bytes))
        beside = -OLD_CALIBRATION_BYTES if row.job.model in OLD else row.predicted.workspace_bytes
        near = pytest.approx(held + beside, rel=0.045 if row.job.model in OLD else 0.02)
        assert row.predicted.allocated_bytes == near, row.job.model


def test_what_lives_on_is_as_recorded(
    rows: list[GpuMemoryRow], recorded: dict[str, MemoryCost]
) -> None:
    """But for the optimizer's counts of steps, which are on the host."""
    for row in rows:
        found = recorded[row.job.model]
        assert row.predicted.parameter_bytes == found.parameter_bytes
        assert row.predicted.optimizer_bytes == pytest.approx(found.optimizer_bytes, abs=200)


@pytest.mark.parametrize(
    "model",
    [pytest.param(m, marks=pytest.mark.thorough) if m in SLOW else m for m in EVERY_MODEL],
)
def test_every_model_holds_on_a_gpu_what_it_holds_on_the_cpu(model: str) -> None:
    job = small(model, batch=8, rows_cap=100)
    here, there = predict_memory(job), predict_gpu_memory(job)
    assert there.parameter_bytes == here.parameter_bytes
    assert there.optimizer_bytes == pytest.approx(here.optimizer_bytes, abs=2000)
    assert there.workspace_bytes == 2 * workspace_bytes(None)
    assert there.allocated_bytes <= there.reserved_bytes


@pytest.mark.every_model
def test_a_step_in_chunks_on_the_cpu_is_whole_on_a_gpu() -> None:
    """DIFM: measured on an H100, about a GiB more than on the CPU at its own batch of 2000."""
    job = replace(job_of("criteo_difm"), rows_cap=1000)
    more = predict_gpu_memory(job).activation_bytes - predict_memory(job).activation_bytes
    assert 0.7 * 1024 < more / MIB < 1.3 * 1024


def test_no_driver_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> None:
        raise AssertionError("CUDA was to be started")

    monkeypatch.setattr(torch.cuda, "_lazy_init", asked)
    found = predict_gpu_memory(small("mlperf_dlrm", batch=8, rows_cap=None))
    assert found.parameter_bytes > 90e9
    assert not torch.cuda.is_initialized()


def test_torch_is_left_as_it_was() -> None:
    before = (torch.Generator, torch.autocast, torch.is_autocast_enabled)
    with absent_gpu():
        assert torch.Generator(STAND_IN).device.type == "cpu"
        assert not torch.is_autocast_enabled(STAND_IN)
        with torch.autocast(STAND_IN, torch.bfloat16, True):
            assert torch.ones(2, 2, device=STAND_IN).mm(torch.ones(2, 2, device=STAND_IN)).is_meta
    assert (torch.Generator, torch.autocast, torch.is_autocast_enabled) == before


@pytest.mark.parametrize(
    ("name", "settings", "size"),
    [
        ("NVIDIA H100 80GB HBM3", None, 32 * MIB),
        ("NVIDIA GH200 480GB", None, 32 * MIB),
        ("NVIDIA B200", None, 32 * MIB),
        ("NVIDIA A100-SXM4-80GB", None, 8 * MIB + 128 * 1024),
        ("NVIDIA GeForce RTX 4090", None, 8 * MIB + 128 * 1024),
        (None, None, 8 * MIB + 128 * 1024),
        ("NVIDIA H100 80GB HBM3", ":4096:2:16:8", 8 * MIB + 128 * 1024),
        ("NVIDIA H100 80GB HBM3", ":16:8", 128 * 1024),
    ],
)
def test_workspaces(name: str | None, settings: str | None, size: int) -> None:
    assert workspace_bytes(name, settings) == size


@pytest.mark.parametrize(("ways", "at_once"), [(1, 1), (2, 2), (4, 2)])
def test_gradients_of_one_tensor_are_added_in_place(ways: int, at_once: int) -> None:
    size = 4 * 10_000 * 16
    allocator = CachingAllocator()
    with absent_gpu(), _GpuWatch(allocator, 0) as watch:
        weights = torch.nn.Parameter(torch.empty(10_000, 16, device=STAND_IN))
        rows = torch.zeros(4, dtype=torch.long, device=STAND_IN)
        looked_up = [torch.nn.functional.embedding(rows, weights).sum() for _ in range(ways)]
        torch.stack(looked_up).sum().backward()  # type: ignore[no-untyped-call]
    assert peak_by_use(watch)["optimizer_bytes"] == pytest.approx(size * (1 + at_once), abs=2048)
    assert allocator.peak_bytes == pytest.approx(size * (1 + at_once), abs=16384)


def test_sums_are_divided_among_the_multiprocessors_of_the_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: set[int | None] = set()

    def none(operator: object, arguments: object, multiprocessors: int | None) -> tuple[int, ...]:
        asked.add(multiprocessors)
        return ()

    monkeypatch.setattr(gpu_memory_prediction, "gpu_temporary_bytes", none)
    predict_gpu_memory(small("ncf"), KnownGpu(multiprocessors=7))
    assert asked == {7}


def test_other_jobs_are_refused() -> None:
    with pytest.raises(InputError, match="rmixer profile run"):
        predict_gpu_memory(make_command_job())
    with pytest.raises(InputError, match="fp32"):
        predict_gpu_memory(replace(small("criteo_dlrm"), precision="bf16"))


def test_a_context_is_measured_or_unknown(tmp_path: Path) -> None:
    store = Store(tmp_path)
    known = known_gpu(store, RECORDED)
    assert known.name is not None
    assert "H100" in known.name
    assert known.context_bytes == 645464064
    assert (known.multiprocessors, known.memory_bytes) == (132, 85017493504)
    assert "measured" in sources(known)
    store.save_machine(replace(store.machine(RECORDED), name="unprofiled"))
    assert known_gpu(store, "unprofiled") == replace(known, context_bytes=None)
    assert "unknown" in sources(KnownGpu())
    with pytest.raises(InputError, match="with a GPU"):
        known_gpu(store, "epyc-2c")


def test_a_peak_needs_a_context() -> None:
    predicted = predict_gpu_memory(small("ncf"))
    row = GpuMemoryRow(small("ncf"), KnownGpu("A100", None), predicted)
    assert row.peak_bytes is None
    with_context = replace(row, gpu=KnownGpu("A100", 400 * MIB))
    assert with_context.peak_bytes == 400 * MIB + predicted.reserved_bytes
