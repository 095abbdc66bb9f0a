"""The benchmark that leaves batch sizes out, on made-up profiles."""

from __future__ import annotations

import pytest

from experiments.bench.batch_sizes import compared, families, present
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step


def profile(batch: int, mean_us: float, model: str = "criteo_dlrm") -> ModelProfile:
    operators = [make_operator(mean_us)]
    return make_profile(model, [make_step(mean_us=mean_us)], operators, batch)


def test_a_family_is_one_model_at_three_batches() -> None:
    three = [profile(batch, 10.0 * batch) for batch in (512, 64, 128)]
    two = [profile(batch, 10.0, "amazon_din") for batch in (64, 128)]
    (found,) = families([*three, *two])
    assert [member.identity.batch for member in found] == [64, 128, 512]


def test_each_is_predicted_from_the_others() -> None:
    """100 us + 10 us a sample, but for 256 where it takes 10% longer."""
    family = [
        profile(batch, (100.0 + 10.0 * batch) * (1.1 if batch == 256 else 1.0))
        for batch in (64, 128, 256, 512)
    ]
    first, _, odd, last, far_below, far_above = compared(family, make_machine())
    assert (odd["from"], odd["beyond"]) == ([64, 128, 512], 0)
    assert odd["error"] == pytest.approx(1 / 1.1 - 1)
    assert (first["from"], first["beyond"]) == ([128, 256, 512], 1)
    assert last["beyond"] == 1
    assert (far_below["batch"], far_below["from"], far_below["beyond"]) == (64, [256, 512], 2)
    assert (far_above["batch"], far_above["from"], far_above["beyond"]) == (512, [64, 128], 2)
    assert far_above["error"] == pytest.approx(0.0)
    text = present(compared(family, make_machine()))
    assert "1 of 2 within 8%" in text.split("between the others")[1]
    assert "two sizes beyond" in text


def test_sizes_without_a_common_count_of_threads_tell_nothing() -> None:
    def with_threads(batch: int, *threads: int) -> ModelProfile:
        steps = [make_step(threads=count, mean_us=10.0 * batch) for count in threads]
        return make_profile("ncf", steps, [make_operator(10.0 * batch)], batch)

    counts = {64: (1,), 128: (1,), 256: (1, 2), 512: (2,)}
    rows = compared([with_threads(batch, *each) for batch, each in counts.items()], make_machine())
    assert {(row["batch"], row["beyond"], row["threads"]) for row in rows} >= {(64, 1, 1)}
    assert all(row["threads"] in counts[row["batch"]] for row in rows)
