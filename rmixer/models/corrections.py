"""Where our models depart from the published code, and why: the one list of it.

Sources: RMixer's networks and configurations, DeepRecSys' configurations; what a paper says
decides where they contradict it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Correction:
    """One departure: for which ``models``, what is ``published``, what is ``ours`` and the
    ``reason``; ``embedding`` and ``dense`` parameters that it adds (negative: takes away)."""

    models: tuple[str, ...]
    published: str
    ours: str
    reason: str
    embedding: int = 0
    dense: int = 0


CORRECTIONS: tuple[Correction, ...] = (
    # DLRM on Criteo
    Correction(
        ("criteo_dlrm",),
        published="two logits and a softmax",
        ours="one logit and sigmoid cross-entropy",
        reason="the paper's output",
        dense=-257,
    ),
    Correction(
        ("criteo_dlrm",),
        published="BatchNorm after the ReLU of every layer, the logits included",
        ours="none",
        reason="the paper has none, and a normalised ReLU bounds the logit",
        dense=-2 * (512 + 256 + 64 + 16 + 512 + 256 + 2),
    ),
    Correction(
        ("criteo_dlrm",),
        published="Adam at a rate of 0.1",
        ours="Adam at 0.001",
        reason="at 0.1 it does not learn",
    ),
    # DeepFM on Criteo
    Correction(
        ("criteo_deepfm",),
        published="a global bias that takes no part in the sum",
        ours="it is added, and trained",
        reason="the paper's w0",
    ),
    Correction(
        ("criteo_deepfm",),
        published="id 0 is padding, its rows stay zero",
        ours="a row like any other",
        reason="hashed ids reach 0",
    ),
    # DMR on Alibaba's display advertisements
    Correction(
        ("alidisplay_dmr",),
        published="a linear layer of 32 to 12,978 that nothing uses",
        ours="none",
        reason="it never gets a gradient",
        dense=-(32 * 12_978 + 12_978),
    ),
    Correction(
        ("alidisplay_dmr",),
        published="the output logit passes through a PReLU",
        ours="it does not",
        reason="a sigmoid's logit must be free; most are negative, where the slope is 0.1",
        dense=-1,
    ),
    Correction(
        ("alidisplay_dmr",),
        published="user vectors at all 50 behaviours, with a slope of PReLU for each",
        ours="at the newest two, which alone are used, with one slope",
        reason="the paper's one nonlinearity; 48 of the slopes never get a gradient",
        dense=-49,
    ),
    Correction(
        ("alidisplay_dmr",),
        published="prices as they are, up to 10^8",
        ours="ln(1 + price)",
        reason="BatchNorm makes all others alike beside one such price",
    ),
    Correction(
        ("alidisplay_dmr",),
        published="padding counts in the sum of a history",
        ours="it counts nowhere",
        reason="the paper's sums are over behaviours",
    ),
    # DIN on Amazon Electronics
    Correction(
        ("amazon_din",),
        published="three item and three category tables, of history, target and tiled target",
        ours="one of each",
        reason="the paper's and its authors' code",
        embedding=-2 * (63_001 + 801) * 64,
    ),
    Correction(
        ("amazon_din",),
        published="the attention MLP's parameters are unknown to the optimizer",
        ours="they are trained",
        reason="layers registered under one name; the count has them either way",
    ),
    Correction(
        ("amazon_din",),
        published="histories padded to the longest of each batch",
        ours="padded to 100, the newest kept",
        reason="static shapes",
    ),
)


def corrections_of(model: str) -> tuple[Correction, ...]:
    """Those of one model."""
    return tuple(found for found in CORRECTIONS if model in found.models)
