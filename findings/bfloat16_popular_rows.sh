#!/usr/bin/env bash
# In bfloat16 on the CPU, a popular row of an embedding gets a small part of its gradient.
#
# Version:   torch 2.13.0 (CPU)
# Expected:  sums of bfloat16 numbers are made in float32 and rounded once, as torch does for sum(),
#            for the forward pass of EmbeddingBag, and for a bias that is added to every sample.
#            So an item that is in a batch 1000 times gets 1000 gradients.
# Seen:      the backward pass of embedding, of embedding_bag and of table[ids] adds one sample
#            after the other in bfloat16. It stops at 256, where adding 1 no longer changes the
#            number. sparse=True is no way out: coalesce() does the same. The same rows read by
#            index_select or gather get 1000. Nothing warns.
# Output:    sum(), forward:             1000
#            bias of 1000 samples:       1000
#            index_select(table, ids):   1000
#            gather(table, ids):         1000
#            table[ids]:                  256
#            embedding:                   256
#            embedding, sparse=True:      256
#            embedding_bag:               256
#            a batch of 8192 Zipf ids: the most popular row is in it 837 times and gets 256;
#            9.4% of all the batch's gradient is lost
# Matters:   ids of recommenders are Zipf distributed: it is the popular items that lose most, and
#            more so with a larger batch. Two models that differ only in how they read a row train
#            to different weights.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "torch==2.13.0" "numpy==2.4.6"
venv/bin/python -I - <<'PY'
import sys

import torch
from torch.nn.functional import embedding, embedding_bag

TIMES, DIM = 1000, 8


def gradient_of(read, ids, rows=4):
    """The gradient of each row's first number, where each sample's is 1."""
    table = torch.zeros(rows, DIM, dtype=torch.bfloat16, requires_grad=True)
    read(table, ids).sum().backward()
    return table.grad.to_dense()[:, 0].float()


def gathered(table, ids):
    return torch.gather(table, 0, ids[:, None].expand(-1, DIM))


one_row = torch.zeros(TIMES, dtype=torch.int64)
ones = torch.ones(TIMES, DIM, dtype=torch.bfloat16)
bias = torch.zeros(DIM, dtype=torch.bfloat16, requires_grad=True)
(ones + bias).sum().backward()
found = {
    "sum(), forward": ones.sum(0)[0].item(),
    "bias of 1000 samples": bias.grad[0].item(),
}
ways = {
    "index_select(table, ids)": lambda table, ids: torch.index_select(table, 0, ids),
    "gather(table, ids)": gathered,
    "table[ids]": lambda table, ids: table[ids],
    "embedding": lambda table, ids: embedding(ids, table),
    "embedding, sparse=True": lambda table, ids: embedding(ids, table, sparse=True),
    "embedding_bag": lambda table, ids: embedding_bag(ids[:, None], table, mode="sum"),
}
for name, read in ways.items():
    found[name] = gradient_of(read, one_row)[0].item()
for name, value in found.items():
    print(f"{name + ':':26} {value:5.0f}")

# Ids of a Zipf distribution over 10,000 rows, drawn at even quantiles: no random numbers.
rows, batch = 10_000, 8192
chances = 1.0 / torch.arange(1, rows + 1, dtype=torch.float64)
shares = (chances / chances.sum()).cumsum(0)
quantiles = (torch.arange(batch, dtype=torch.float64) + 0.5) / batch
ids = torch.searchsorted(shares, quantiles).clamp_(max=rows - 1)
wanted = torch.bincount(ids, minlength=rows).float()
got = gradient_of(ways["embedding"], ids, rows)
lost = 1.0 - (got.sum() / wanted.sum()).item()
print(
    f"a batch of {batch} Zipf ids: the most popular row is in it {wanted[0]:.0f} times and gets "
    f"{got[0]:.0f};\n{lost:.1%} of all the batch's gradient is lost"
)

full = {"sum(), forward", "bias of 1000 samples", "index_select(table, ids)", "gather(table, ids)"}
for name, value in found.items():
    if value != (TIMES if name in full else 256):
        sys.exit(f"CHANGED: {name} now sums to {value}")
if not (got[0] == 256 and wanted[0] > 800 and lost > 0.05):
    sys.exit("CHANGED: popular rows no longer lose their gradient")
PY
