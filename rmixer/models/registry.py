"""The models by name. Reading them needs no torch."""

from __future__ import annotations

from rmixer.errors import InputError, choice
from rmixer.models.configurations import (
    alimama,
    amazon,
    avazu,
    beauty,
    criteo,
    deeprecsys,
    dlrm_reference,
    kdd,
)
from rmixer.models.entry import ModelEntry

_FAMILIES = (criteo, avazu, amazon, kdd, beauty, deeprecsys, dlrm_reference, alimama)

MODELS: dict[str, ModelEntry] = {
    entry.name: entry for family in _FAMILIES for entry in family.ENTRIES
}


def model_entry(name: str) -> ModelEntry:
    """The entry of ``name``; raises :class:`InputError` with the nearest known name."""
    try:
        return MODELS[name]
    except KeyError:
        raise InputError("models", "name", repr(name), choice(name, MODELS)) from None
