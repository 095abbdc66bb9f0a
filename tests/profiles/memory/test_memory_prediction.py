"""Memory before the run: by hand, and against the allocator's own events."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from made_up_programs import make_command_job
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.profiler import ProfilerActivity, profile

from profiles.memory.memory_measurement import tensor_bytes
from profiles.memory.memory_prediction import PredictedMemory, predict_memory
from profiles.memory.storage_watch import StorageWatch
from profiles.memory.watched_step import blank_substitute
from profiles.memory.worker_heap import ALIGNMENT, BestFit, WorkerHeap
from profiles.traces.profiler_events import transient_peak_bytes
from rmixer.errors import InputError
from rmixer.models.registry import MODELS
from rmixer.training.step import TrainingStep
from rmixer.training.worker import Channel
from rmixer.workload.workload import Job, job_of


def small(model: str, batch: int = 16, rows_cap: int | None = 1000) -> Job:
    return replace(job_of(model), batch=batch, rows_cap=rows_cap)


def test_a_layer_and_its_optimizer_by_hand() -> None:
    """A layer of 3 x 2 weights and 2 more, a batch of 4. When gradients have come, there are
    32 bytes each of weights, gradients and, later, of each of two moments."""
    watch = StorageWatch("weights", WorkerHeap())
    with FakeTensorMode(), watch:
        layer = nn.Linear(3, 2)
        assert watch.held == {"weights": 4 * (6 + 2)}
        watch.use = "batch"
        batch = torch.empty(4, 3)
        assert watch.held["batch"] == 4 * 12
        watch.use = "step"
        loss = layer(batch).sum()
        assert watch.held["step"] == 4  # the layer's result is needed no more, the sum is
        loss.backward()  # type: ignore[no-untyped-call]
        watch.belong([parameter.grad for parameter in layer.parameters()], "gradients")
        assert watch.held["gradients"] == 32
        del loss, batch
        gc.collect()
        assert watch.held["step"] == watch.held["batch"] == 0
    assert watch.peak["weights"] == 32


def test_views_share_their_storage() -> None:
    watch = StorageWatch("all", WorkerHeap())
    with FakeTensorMode(), watch:
        whole = torch.empty(8, 4)
        parts = [whole[0], whole.view(32), whole.t()]
        assert watch.held["all"] == 128
        del whole
        assert watch.held["all"] == 128
        del parts
        assert watch.held["all"] == 0


class _Doubled(torch.autograd.Function):
    """Its gradient is a sum of its own, not one of autograd's."""

    @staticmethod
    def forward(context: object, values: torch.Tensor) -> torch.Tensor:
        return values * 2

    @staticmethod
    def backward(context: object, *gradients: torch.Tensor) -> torch.Tensor:
        return gradients[0] * 3 + gradients[0] * -1


def _looked_up(weights: torch.Tensor, times: int) -> torch.Tensor:
    rows = torch.zeros(4, dtype=torch.long)
    return torch.stack([nn.functional.embedding(rows, weights).sum() for _ in range(times)]).sum()


def _layer_twice(weights: torch.Tensor) -> torch.Tensor:
    inputs = torch.ones(2, 1000)
    return nn.functional.linear(nn.functional.linear(inputs, weights), weights).sum()


def _normalised_beside(weights: torch.Tensor) -> torch.Tensor:
    return (nn.functional.batch_norm(weights, None, None, training=True) * weights).sum()


USES: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], int | None]] = {
    "once": (lambda weights: _looked_up(weights, 1), 2),
    "twice": (lambda weights: _looked_up(weights, 2), 3),
    "five times": (lambda weights: _looked_up(weights, 5), 3),
    "in a function": (lambda weights: _Doubled.apply(weights).sum(), 4),
    "in a layer, twice": (_layer_twice, 4),
    "looked up, then summed": (lambda weights: _looked_up(weights, 1) + weights.sum(), None),
    "summed, then looked up": (lambda weights: weights.sum() + _looked_up(weights, 1), None),
    "squared sums last": (lambda w: w.sum() ** 2 - (w * w).sum(), None),
    "squared sums first": (lambda w: (w * w).sum() - w.sum() ** 2, None),
    "normalised": (_normalised_beside, None),
}


@pytest.mark.parametrize("name", USES)
def test_gradients_of_one_tensor_are_added_up_as_autograd_does(name: str) -> None:
    """In place where the first is no view and whole, as many tensors at once as by hand where that
    is told; and as the allocator counts them."""
    use, at_once = USES[name]
    watch = StorageWatch("all", WorkerHeap())
    with FakeTensorMode(), watch:
        use(nn.Parameter(torch.empty(1000, 1000))).backward()  # type: ignore[no-untyped-call]
    predicted = watch.peak["all"]
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as observed:
        use(nn.Parameter(torch.empty(1000, 1000))).backward()  # type: ignore[no-untyped-call]
    measured = transient_peak_bytes(observed.profiler.kineto_results.events())
    assert predicted == pytest.approx(measured, rel=0.003)  # 16 KB: a look-up's gradient laid out
    if at_once:
        assert predicted == pytest.approx(at_once * 4_000_000, rel=0.01)


@pytest.mark.parametrize("batch", [1, 3])
def test_small_batches_of_tied_weights_as_the_allocator_counts_them(batch: int) -> None:
    """Where three gradients of the items' table would be the peak, and two are."""
    job = replace(job_of("beauty_bert4rec"), batch=batch)
    measured = tensor_bytes(_no_channel(), job)
    assert predict_memory(job).tensor_bytes == pytest.approx(measured, rel=0.001)


@pytest.mark.parametrize(
    ("model", "optimizer"),
    [
        *((name, MODELS[name].optimizer) for name in ("criteo_dlrm", "amazon_bst", "kdd_dpin")),
        *((name, MODELS[name].optimizer) for name in ("beauty_bert4rec", "alidisplay_dmr", "rm1")),
        ("criteo_deepfm", "adam"),
        ("criteo_deepfm", "rowwise_adagrad"),
        ("criteo_deepfm", "sgd"),
    ],
)
def test_tensors_as_the_allocator_counts_them(model: str, optimizer: str) -> None:
    job = replace(small(model), optimizer=optimizer)
    measured = tensor_bytes(_no_channel(), job)
    assert predict_memory(job).tensor_bytes == pytest.approx(measured, rel=0.005)


@pytest.mark.parametrize("model", [pytest.param("rm2", marks=pytest.mark.every_model), "rm3"])
def test_a_batch_that_outweighs_the_tables_is_there_twice(model: str) -> None:
    """The next is made while the last is still held. Arrays are not the allocator's."""
    job = replace(job_of(model), batch=500, rows_cap=100)
    predicted = predict_memory(job)
    columns = TrainingStep(job, substitute=blank_substitute(job)).batches.blank().values()
    assert predicted.input_bytes >= 2 * sum(values.nbytes for values in columns)
    measured = tensor_bytes(_no_channel(), job)
    assert predicted.tensor_bytes == pytest.approx(measured, rel=0.005)


def _no_channel() -> Channel:
    """What a task is given that does not use it."""
    return None  # type: ignore[return-value]


def test_what_lives_on_is_as_the_step_counts_it() -> None:
    job = small("criteo_dlrm")
    step = TrainingStep(job)
    step.run()
    found, held = predict_memory(job), step.bytes_by_use()
    assert found.parameter_bytes == held["parameter_bytes"]
    assert found.optimizer_bytes == held["optimizer_bytes"]
    assert 0 < found.gradient_bytes <= held["gradient_bytes"]
    assert found.input_bytes == sum(part.nbytes for part in step.batches.blank().values())


def test_tables_are_never_made() -> None:
    """Not even one of these 97 GB."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as observed:
        found = predict_memory(small("mlperf_dlrm", batch=8, rows_cap=None))
    assert found.parameter_bytes > 90e9
    assert transient_peak_bytes(observed.profiler.kineto_results.events()) < 100e6


def test_the_batch_costs_activations_and_input_alone() -> None:
    few, many = (predict_memory(small("criteo_dlrm", batch, 10)) for batch in (64, 1024))
    assert many.parameter_bytes == few.parameter_bytes
    assert many.input_bytes == 16 * few.input_bytes
    assert many.activation_bytes > few.activation_bytes
    assert many.grown_bytes > few.grown_bytes > few.tensor_bytes


def test_other_jobs_are_measured_not_predicted() -> None:
    with pytest.raises(InputError, match="rmixer profile run"):
        predict_memory(make_command_job())


def test_parts_add_up() -> None:
    assert PredictedMemory(1, 2, 4, 8, 16, heap_bytes=40, data_bytes=2).tensor_bytes == 31


def test_a_heap_takes_the_smallest_stretch_that_holds_a_block() -> None:
    """Three blocks with small ones between them; the first and the last are freed. What fits into
    both goes into the smaller one, and what fits into neither makes the heap grow."""
    heap = BestFit()
    large, _, small_one, _ = (heap.take(size) for size in (10_000, 100, 5_000, 100))
    grown = heap.peak_bytes
    heap.give_back(large)
    heap.give_back(small_one)
    assert heap.take(4_000) == small_one
    assert heap.take(4_000) <= large + ALIGNMENT
    assert heap.peak_bytes == grown
    heap.take(9_000)
    assert heap.peak_bytes > grown + 9_000


def test_free_neighbours_become_one_and_a_free_end_is_given_back() -> None:
    heap = BestFit()
    blocks = [heap.take(1_000) for _ in range(4)]
    grown = heap.peak_bytes
    assert grown == 4 * (1_000 + 8)  # each with its size before it
    for place in (1, 0, 2, 3):
        heap.give_back(blocks[place])
    heap.take(grown - 8)
    assert heap.peak_bytes == grown


def test_a_small_block_beside_an_aligned_one_leaves_its_place_too_small() -> None:
    """The place has room for any alignment; what that leaves free beside the block is taken."""
    places = []
    for small in (False, True):
        heap = BestFit()
        first = heap.take(64_000, ALIGNMENT)
        if small:
            heap.take(16)
        heap.take(64_000, ALIGNMENT)
        heap.give_back(first)
        places.append(heap.take(64_000, ALIGNMENT) - first)
    assert places[0] == 0
    assert places[1] > 64_000


def test_a_heap_of_tensors_has_their_objects_too() -> None:
    heap = WorkerHeap()
    places = [heap.allocate(1 << 20) for _ in range(3)]
    assert 3 << 20 < heap.peak_bytes < (3 << 20) + 3 * 1024
    for place in places:
        heap.free(place)
    grown = heap.peak_bytes
    heap.allocate(0)
    heap.allocate(3 << 20)
    assert heap.peak_bytes < grown + 1024
