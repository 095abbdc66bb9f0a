"""Sizes against the published tables, with the corrections that the registry lists."""

from __future__ import annotations

import pytest

from rmixer.models.base import RecommendationModel
from rmixer.models.registry import model_entry


def built(name: str, rows_cap: int | None = None) -> RecommendationModel:
    entry = model_entry(name)
    return entry.load()(entry.config, rows_cap)


def counts(model: RecommendationModel) -> tuple[int, int]:
    """Embedding and dense parameters."""
    embedding = sum(table.numel() for table in model.tables.values())
    return embedding, sum(p.numel() for p in model.parameters()) - embedding


def test_dlrm() -> None:
    # Published: 479,478 dense. Corrections: one logit instead of two, 256 weights and a bias
    # less; no BatchNorm, a scale and a shift less after each layer, the two logits included.
    batch_norm = 2 * (512 + 256 + 64 + 16 + 512 + 256 + 2)
    assert counts(built("criteo_dlrm")) == (16_000_016, 479_478 - 257 - batch_norm)
    assert 479_478 - 257 - batch_norm == 475_985


def test_deepfm() -> None:
    # The published count has the global bias, though it took no part in the sum.
    assert counts(built("criteo_deepfm")) == (10_000_010, 462_132)


def test_din() -> None:
    # Published: 84,674 dense. The 44,321 of the attention MLP, which the published code never
    # trained, are among them: 512-80-40-1, the projection 128-128 and the top MLP 256-80-40-1.
    attention = (512 * 80 + 80) + (80 * 40 + 40) + (40 + 1)
    projection = 128 * 128 + 128
    top = (256 * 80 + 80) + (80 * 40 + 40) + (40 + 1)
    assert attention == 44_321
    assert attention + projection + top == 84_674
    model = built("amazon_din")
    assert counts(model) == (4_146_329, 84_674)
    assert {name: tuple(table.shape) for name, table in model.tables.items()} == {
        "item": (63_001, 64),
        "category": (801, 64),
        "item_bias": (63_001, 1),
    }


def test_all_dense_parameters_are_trained_and_no_table_is_left_to_autograd() -> None:
    for name in ("criteo_dlrm", "criteo_deepfm", "amazon_din"):
        model = built(name, rows_cap=10)
        tables = {id(table) for table in model.tables.values()}
        for parameter in model.parameters():
            assert parameter.requires_grad == (id(parameter) not in tables)


@pytest.mark.parametrize(("name", "rows"), [("criteo_dlrm", 26_000), ("amazon_din", 801)])
def test_a_cap_bounds_every_table(name: str, rows: int) -> None:
    sizes = [len(table) for table in built(name, rows_cap=rows).tables.values()]
    assert set(sizes) == {rows}
