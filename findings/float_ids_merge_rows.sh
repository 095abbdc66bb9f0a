#!/usr/bin/env bash
# DeepCTR-Torch passes ids on as float32: in a large table, neighbours share one row.
#
# Version:   deepctr-torch 0.3.0 (with torch 2.13.0)
# Expected:  SparseFeat("item", vocabulary_size=...) makes a table with a row for each id; integer
#            ids choose their rows exactly.
# Seen:      fit and predict put all features in one matrix, ids too, and call .float() on it.
#            float32 counts by ones up to 2**24 = 16,777,216, then by twos, from 2**25 by fours. An
#            odd id above 2**24 reads and trains another item's row; its own row stays as it was
#            initialised. No error, no warning: the table has its full size.
# Output:    item 16777216: own row says 0.119, predicted 0.119
#            item 16777217: own row says 0.881, predicted 0.119
#            item 16777218: own row says 0.500, predicted 0.500
#            item 16777219: own row says 0.953, predicted 0.731
#            item 16777220: own row says 0.731, predicted 0.731
#            of a table with 40,000,000 rows, 13,222,783 are never read
# Matters:   tables of 40 million rows are usual (Criteo's terabyte, capped as in MLPerf). This
#            library is what our models are tested against, and what users compare with.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "torch==2.13.0" "numpy==2.4.6" \
    "deepctr-torch==0.3.0" "scikit-learn==1.9.1" "tqdm==4.70.1" "requests==2.32.5"
venv/bin/python -I - <<'PY' | grep --invert-match 'latest version'
import logging
import sys

import numpy as np
import torch

logging.disable(logging.CRITICAL)  # it looks for a newer version of itself, and says so
from deepctr_torch.inputs import SparseFeat
from deepctr_torch.models import DeepFM

START = 2**24
items = np.arange(START, START + 5)
logits = torch.tensor([-2.0, 2.0, 0.0, 3.0, 1.0])

feature = [SparseFeat("item", vocabulary_size=START + 8, embedding_dim=1)]
model = DeepFM(feature, feature, dnn_hidden_units=(), device="cpu")
with torch.no_grad():
    for parameter in model.parameters():
        parameter.zero_()
    of_items = dict(model.named_parameters())["linear_model.embedding_dict.item.weight"]
    of_items[torch.from_numpy(items), 0] = logits

predicted = model.predict({"item": items})[:, 0]
meant = torch.sigmoid(logits).numpy()
for item, own, said in zip(items, meant, predicted, strict=True):
    print(f"item {item}: own row says {own:.3f}, predicted {said:.3f}")
rows = 40_000_000
read = np.unique(np.arange(rows, dtype=np.int64).astype(np.float32)).size
print(f"of a table with {rows:,} rows, {rows - read:,} are never read")

by_float = items.astype(np.float32).astype(np.int64) - START
if not np.allclose(predicted, meant[by_float], atol=1e-6):
    sys.exit("CHANGED: ids above 2**24 no longer go through float32")
if np.allclose(predicted, meant, atol=1e-3):
    sys.exit("CHANGED: each id reads its own row")
PY
