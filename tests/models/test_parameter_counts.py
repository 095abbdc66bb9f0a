"""Sizes against the published tables, with the corrections that are listed."""

from __future__ import annotations

import pytest
import torch

from rmixer.models.base import RecommendationModel
from rmixer.models.corrections import CORRECTIONS, corrections_of
from rmixer.models.registry import MODELS, model_entry

PUBLISHED = {
    "criteo_deepfm": (10_000_010, 462_132),
    "criteo_dlrm": (16_000_016, 479_478),
    "amazon_din": (12_312_985, 84_674),
    "alidisplay_dmr": (100_972_864, 886_146),
}
"""Embedding and dense parameters of the published networks, running statistics apart."""


def built(name: str, rows_cap: int | None = None) -> RecommendationModel:
    """Sizes without memory."""
    with torch.device("meta"):
        return model_entry(name).build(rows_cap)


@pytest.mark.parametrize("name", MODELS)
def test_counts_are_the_published_ones_but_for_the_listed_corrections(name: str) -> None:
    embedding, dense = PUBLISHED[name]
    listed = corrections_of(name)
    embedding += sum(correction.embedding for correction in listed)
    dense += sum(correction.dense for correction in listed)
    assert built(name).parameter_counts() == (embedding, dense)


def test_corrections_name_models_and_say_why() -> None:
    for correction in CORRECTIONS:
        assert set(correction.models) <= set(MODELS)
        assert correction.published != correction.ours
        assert correction.reason


@pytest.mark.parametrize("name", MODELS)
def test_tables_are_one_for_each_dimension_and_left_out_of_autograd(name: str) -> None:
    model = built(name, rows_cap=10)
    tables = {id(table) for table in model.tables.values()}
    for parameter in model.parameters():
        assert parameter.requires_grad == (id(parameter) not in tables)
    dims = [table.shape[1] for table in model.tables.values()]
    assert len(set(dims)) == len(dims)


@pytest.mark.parametrize("name", MODELS)
def test_a_cap_bounds_every_field(name: str) -> None:
    uncapped, capped = built(name).parameter_counts()[0], built(name, 100).parameter_counts()[0]
    assert capped < uncapped
    assert built(name, 10).parameter_counts()[0] < capped


def test_dlrm_by_hand() -> None:
    bottom = 13 * 512 + 512 + 512 * 256 + 256 + 256 * 64 + 64 + 64 * 16 + 16
    top = 367 * 512 + 512 + 512 * 256 + 256 + 256 + 1
    assert built("criteo_dlrm").parameter_counts() == (1_000_001 * 16, bottom + top)


def test_din_by_hand() -> None:
    attention = (512 * 80 + 80) + (80 * 40 + 40) + (40 + 1)
    projection = 128 * 128 + 128
    top = (256 * 80 + 80) + (80 * 40 + 40) + (40 + 1)
    assert attention == 44_321, "what the published code never trained"
    tables = (63_001 + 801) * 64 + 63_001
    assert built("amazon_din").parameter_counts() == (tables, attention + projection + top)
