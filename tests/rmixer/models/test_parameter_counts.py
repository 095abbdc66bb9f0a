"""Sizes against the published tables, with the corrections that are listed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rmixer.errors import InputError
from rmixer.models.base import RecommendationModel
from rmixer.models.built_sizes import BUILT_SIZES
from rmixer.models.corrections import CORRECTIONS, corrections_of
from rmixer.models.registry import MODELS, model_entry
from rmixer.models.size import built_size, check_batch, model_size

PUBLISHED = {
    "criteo_deepfm": (10_000_010, 462_132),
    "criteo_dlrm": (16_000_016, 479_478),
    "criteo_widedeep": (32_000_032, 601_551),
    "criteo_dcn": (9_000_009, 292_070),
    "criteo_dcn2": (44_000_040, 8_720_901),
    "criteo_difm": (21_000_021, 1_257_220),
    "criteo_flen": (32_000_032, 54_727),
    "avazu_flen": (1_293_726_944, 48_583),
    "avazu_widedeep": (1_293_726_944, 545_753),
    "amazon_din": (12_312_985, 84_674),
    "amazon_dien": (16_396_313, 365_378),
    "amazon_bst": (68_622_240, 1_580_962),
    "kdd_dpin": (11_167_464, 944_609),
    "beauty_bert4rec": (3_494_272, 158_930),
    "alidisplay_dmr": (100_972_864, 886_146),
    "rm1": (1_024_000_000, 100_833),
    "rm2": (1_024_000_000, 319_937),
    "rm3": (640_000_000, 3_205_409),
    "wnd": (864_000_000, 2_066_433),
    "mtwnd": (976_000_000, 2_623_360),
    "ncf": (21_504_000, 148_224),
    "din": (675_200_000, 42_203),
    "dien": (976_000_000, 67_194),
    "dlrm_kaggle": (540_201_232, 475_985),
    "dlrm_terabyte": (3_144_083_008, 762_177),
    "mlperf_dlrm": (24_034_227_072, 2_368_897),
    "mlperf_dlrm_dcnv2": (26_135_627_264, 16_044_545),
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


def test_sizes_told_without_torch_are_those_of_the_models_as_built() -> None:
    assert {name: built_size(entry) for name, entry in MODELS.items()} == BUILT_SIZES


def test_a_model_that_the_registry_does_not_have_is_built_for_its_size() -> None:
    own = replace(
        model_entry("criteo_dlrm"), config={**model_entry("criteo_dlrm").config, "rows": 7}
    )
    assert model_size(own).embedding_parameters == 7 * 16
    assert model_size(model_entry("criteo_dlrm")).embedding_parameters == 1_000_001 * 16
    normalising = replace(model_entry("criteo_flen"), name="own_flen")
    with pytest.raises(InputError, match="two samples or more"):
        check_batch(normalising, 1)


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


def test_bst_by_hand() -> None:
    attention = 4 * 288 * 288 + 3 * 288
    feed_forward = (288 * 512 + 512) + (512 * 288 + 288)
    top = (576 * 1024 + 1024) + (1024 * 512 + 512) + (512 * 256 + 256) + 257
    dense = attention + feed_forward + 2 * 2 * 288 + top
    tables = (63_001 + 801 + 5_001) * 96 + 192_403 * 288
    assert built("amazon_bst").parameter_counts() == (tables, dense)


def test_din_by_hand() -> None:
    attention = (512 * 80 + 80) + (80 * 40 + 40) + 40
    projection = 128 * 128 + 128
    top = (256 * 80 + 80) + (80 * 40 + 40) + (40 + 1)
    assert attention + 1 == 44_321, "what the published code never trained"
    tables = (63_001 + 801) * 64 + 63_001
    assert built("amazon_din").parameter_counts() == (tables, attention + projection + top)
