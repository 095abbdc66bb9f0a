"""The sizes of the registry's models when built, so that reading them needs no torch, which takes
seconds to import. A test builds every model and compares."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BuiltSize:
    """Parameters with tables of full length; ``normalises`` is true if the model normalises over
    the batch."""

    embedding_parameters: int
    dense_parameters: int
    normalises: bool = False


BUILT_SIZES: dict[str, BuiltSize] = {
    "criteo_dlrm": BuiltSize(16_000_016, 475_985),
    "criteo_deepfm": BuiltSize(10_000_010, 462_132),
    "criteo_widedeep": BuiltSize(32_000_032, 601_551),
    "criteo_dcn": BuiltSize(9_000_009, 292_564),
    "criteo_dcn2": BuiltSize(40_000_040, 8_720_901),
    "criteo_difm": BuiltSize(21_000_021, 1_255_534),
    "criteo_flen": BuiltSize(33_000_033, 54_760, normalises=True),
    "avazu_flen": BuiltSize(311_831_685, 48_616, normalises=True),
    "avazu_widedeep": BuiltSize(311_831_685, 529_346),
    "amazon_din": BuiltSize(4_146_329, 84_673),
    "amazon_dien": BuiltSize(4_146_329, 365_377),
    "amazon_bst": BuiltSize(62_017_152, 1_876_737),
    "kdd_dpin": BuiltSize(11_167_464, 953_186),
    "beauty_bert4rec": BuiltSize(3_494_144, 158_930),
    "rm1": BuiltSize(1_024_000_000, 100_833),
    "rm2": BuiltSize(1_024_000_000, 319_937),
    "rm3": BuiltSize(640_000_000, 3_205_409),
    "wnd": BuiltSize(864_000_000, 2_066_433),
    "mtwnd": BuiltSize(976_000_000, 2_787_842),
    "ncf": BuiltSize(21_504_000, 140_097),
    "din": BuiltSize(675_200_000, 42_122),
    "dien": BuiltSize(976_000_000, 94_185),
    "dlrm_kaggle": BuiltSize(540_201_232, 475_985),
    "dlrm_terabyte": BuiltSize(3_144_083_008, 762_177),
    "mlperf_dlrm": BuiltSize(24_034_227_072, 2_368_897),
    "mlperf_dlrm_dcnv2": BuiltSize(26_135_627_264, 16_044_545),
    "alidisplay_dmr": BuiltSize(100_972_864, 457_822, normalises=True),
}
"""By the model's name."""
