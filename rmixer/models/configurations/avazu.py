"""RMixer's models on the Avazu data: the 22 fields, without the number of the row."""

from __future__ import annotations

from rmixer.models.entry import ModelEntry

_USER = (7, 2_626, 8, 9, 435, 4, 68, 172, 60, 2_686_408, 6_729_486, 8_251, 5)
_ITEM = (8_552, 559, 36)
_CONTEXT = (7, 4_737, 7_745, 26, 4, 240)

_FIELDS = {"rows": (*_USER, *_ITEM, *_CONTEXT), "embedding_dim": 32}

ENTRIES = (
    ModelEntry(
        name="avazu_flen",
        title="FLEN",
        paper="Chen et al. 2019, arXiv 1911.04690",
        architecture="rmixer.models.flen:FLEN",
        dataset="avazu",
        batch=512,
        optimizer="adagrad",
        lr=0.04,
        config={
            **_FIELDS,
            "first_column": 0,
            "groups": (len(_USER), len(_ITEM), len(_CONTEXT)),
            "mlp": (64, 32),
            "dropout": 0.2,
        },
        optimizer_settings={"epsilon": 1e-6, "initial_accumulator": 1e-3},
    ),
    ModelEntry(
        name="avazu_widedeep",
        title="Wide & Deep",
        paper="Cheng et al. 2016, arXiv 1606.07792",
        architecture="rmixer.models.wide_deep:CategoricalWideDeep",
        dataset="avazu",
        batch=512,
        optimizer="adam",
        lr=0.001,
        config={**_FIELDS, "mlp": (512, 256, 128, 32, 1)},
    ),
)
