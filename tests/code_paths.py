"""Which models the tests run for: one for each path through the code, or every one.

``make test`` runs the tests that train a model for those of ``CODE_PATHS`` alone, ``make test-all``
for all 27. What is cheap (sizes, identities, a step of each) is tested for every model anyway.
"""

from __future__ import annotations

import pytest

from rmixer.models.registry import MODELS

CODE_PATHS = {
    "criteo_deepfm": "two tables of different width that share their ids; Adam on their rows",
    "criteo_dcn2": "a cross network of low-rank experts; dropout, L2 in the loss",
    "amazon_din": "histories of different lengths, read by the target's attention; plain SGD",
    "dien": "a GRU, and one with attention in its gate; Adagrad on rows and dense weights",
    "kdd_dpin": "transformer blocks over positions; AUC by position",
    "beauty_bert4rec": "a softmax tied to the items' table; AdamW, clipped gradients, hit rates",
    "alidisplay_dmr": "a second loss, of matching, with other items drawn; two attentions",
    "rm1": "bags: many ids of a field are summed; Adagrad that begins with an accumulator",
    "mtwnd": "several tasks: a label and a loss of each",
}
"""By name, what the code of a model or of its training step does for this one."""

EVERY_MODEL = [
    *CODE_PATHS,
    *(
        pytest.param(name, marks=pytest.mark.every_model)
        for name in MODELS
        if name not in CODE_PATHS
    ),
]
"""For ``parametrize``: the models of ``CODE_PATHS``, and the others marked ``every_model``."""
