"""Types whose figures lie within their error of a border are those of the model's other sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profiles.assembling.job_type import core_balance, job_type
from profiles.assembling.settled_types import settled
from profiles.stored.store import Store
from rmixer.model_profile.model_profile import JobType, ModelProfile, StepMeasurement
from rmixer.testing.made_up import make_job, make_machine, make_operator, make_profile, make_step

MACHINE = make_machine()
DIN = {16: 1.3029, 32: 1.0, 64: 1.2601, 128: 1.1268, 256: 1.0231}
"""What streams slow ``amazon_din`` by, as it was measured at each batch size."""


def size(
    batch: int,
    sensitivity: float,
    spread: float | None = None,
    half_width: float = 0.02,
    busy: float = 0.35,
    intensity: float = 4.0,
) -> ModelProfile:
    """A profile at ``batch``, with the type of its own figures. The machine's ridge is at 5
    FLOPs a byte; ``spread`` is the half-width of the sensitivity's readings."""
    measured = StepMeasurement(100, 0, half_width, 0.0, 4, 0, {}, sensitivity_half_width=spread)
    step = make_step(compute_slowdown=(1.0,), stream_slowdown=(sensitivity,), measurement=measured)
    kind = job_type(busy, intensity, core_balance(MACHINE), sensitivity)
    return make_profile(
        "amazon_din",
        [step],
        batch=batch,
        job_type=kind,
        utilisation={"cpu": busy},
        intensity=intensity,
        origin="measured",
    )


def each_settled(sizes: list[ModelProfile]) -> list[tuple[JobType, bool]]:
    """The type of each, and whether it is doubtful."""
    found = [settled(p, [o for o in sizes if o is not p], MACHINE) for p in sizes]
    return [(each.job_type["cpu"], each.doubtful_type == ("cpu",)) for each in found]


def test_a_model_whose_types_flip_with_the_batch_has_one() -> None:
    """Each size is as far from the next one as from the border."""
    sizes = [size(batch, sensitivity) for batch, sensitivity in DIN.items()]
    measured = [profile.job_type["cpu"] for profile in sizes]
    assert measured == ["memory", "compute", "memory", "memory", "compute"]
    assert each_settled(sizes) == [("memory", True)] * 5


def test_with_readings_that_differ_little_each_size_has_its_own() -> None:
    """Of 1.1268 and 1.0231 the error is 0.6%: below what is between them and a border."""
    sizes = [size(batch, sensitivity, 0.006) for batch, sensitivity in DIN.items()]
    kinds = ["memory", "compute", "memory", "memory", "compute"]
    assert [kind for kind, _ in each_settled(sizes)] == kinds
    assert [doubt for _, doubt in each_settled(sizes)] == [False, False, False, False, False]


def test_the_readings_own_spread_decides_where_there_is_one() -> None:
    """128 alone is known to 4%: its 1.1268 +- 0.045 may be below 1.10, where its few FLOPs a byte
    still say memory; +- 0.11 may be below 1.03."""
    clear = [size(batch, DIN[batch], 0.004) for batch in (16, 32, 64)]
    assert each_settled([*clear, size(128, DIN[128], 0.04)])[3] == ("memory", False)
    assert each_settled([*clear, size(128, DIN[128], 0.10)])[3] == ("memory", True)
    others = [size(batch, 1.0, 0.004) for batch in (16, 32, 64)]
    assert each_settled([*others, size(128, DIN[128], 0.10)])[3] == ("compute", True)


@pytest.mark.parametrize(
    ("sensitivity", "intensity", "doubtful"),
    [
        (1.10 + 0.029, 9.0, False),  # the step is known to 1.8%: the ratio to 2.5%, +- 0.028
        (1.10 + 0.027, 9.0, True),
        (1.10 + 0.027, 4.0, False),  # on either side of the border memory
        (1.03 - 0.027, 9.0, False),  # compute
        (1.03 - 0.027, 4.0, False),
        (1.03 - 0.025, 4.0, True),
        (1.065, 4.0, False),
        (1.065, 9.0, False),
    ],
)
def test_of_a_model_of_one_size_its_steps_interval_tells(
    sensitivity: float, intensity: float, doubtful: bool
) -> None:
    """It keeps its type."""
    one = size(64, sensitivity, half_width=0.018, intensity=intensity)
    assert each_settled([one]) == [(one.job_type["cpu"], doubtful)]


@pytest.mark.parametrize(("busy", "doubtful"), [(0.094, False), (0.096, True), (0.104, True),
                                                (0.106, False)])  # fmt: skip
def test_a_step_that_is_nearly_low(busy: float, doubtful: bool) -> None:
    """The mean step is known to 5%. A size that is not doubtful tells what it is."""
    one = size(64, 1.3, 0.01, 0.05, busy)
    kind = "low" if busy < 0.1 else "memory"
    assert one.job_type["cpu"] == kind
    assert each_settled([one]) == [(kind, doubtful)]
    clear = size(256, 1.3, 0.01, 0.05, 0.3)
    assert each_settled([one, clear])[0] == ("memory" if doubtful else kind, doubtful)


def test_of_as_many_the_largest_decides() -> None:
    sizes = [size(64, 1.3, 0.01), size(128, 1.11, 0.1), size(256, 1.0, 0.01)]
    assert each_settled(sizes) == [("memory", False), ("compute", True), ("compute", False)]


def test_a_predicted_size_does_not_vote() -> None:
    """Its error is how far the sizes that it is predicted from are."""
    low, high = size(64, 1.2, 0.01), size(256, 1.0, 0.01)
    step = replace(low.steps[0], measurement=None, stream_slowdown=(1.12,))
    between = replace(size(128, 1.12), steps=(step,), predicted_from=(64, 256))
    found = settled(between, [low, high], MACHINE)
    assert (found.job_type["cpu"], found.doubtful_type) == ("compute", ("cpu",))


def test_the_store_keeps_what_was_measured_and_loads_what_all_sizes_tell(tmp_path: Path) -> None:
    store = Store(tmp_path, tmp_path / "none")
    store.save_machine(MACHINE)
    for batch, sensitivity in DIN.items():
        store.save(replace(size(batch, sensitivity), operators=(make_operator(9_900.0),)))
    job = make_job(model="amazon_din", batch=32)
    loaded = store.load([job], MACHINE)[0][job.identity.key]
    assert (loaded.job_type, loaded.doubtful_type) == ({"cpu": "memory"}, ("cpu",))
    assert loaded.costs()["cpu"].job_type == "memory"
    kept = store.find(MACHINE.name, job.identity.key)
    assert kept is not None
    assert kept.job_type == {"cpu": "compute"}
