#!/usr/bin/env bash
# To look at held-out data between two epochs changes the weights that training ends with.
#
# Version:   torch 2.13.0, CPU
# Expected:  evaluation in `eval()` mode and under `no_grad`, over a DataLoader that neither
#            shuffles nor has workers, draws no random number: a seeded training ends with the
#            same weights whether it is evaluated in between or not.
# Seen:      `iter(DataLoader)` draws a base seed from torch's default generator each time, for
#            workers that there may be none of. Every later dropout mask and every later shuffle
#            of the training data is another one. `generator=` of the held-out loader keeps the
#            default generator as it was; an epoch over a plain list of the same batches does too.
# Output:    evaluated by a DataLoader:            other weights, largest difference 0.357
#            by one with a generator of its own:   same weights
#            by a list of the same batches:        same weights
# Matters:   whoever turns evaluation on, or asks for it more often, compares another training. A
#            job that goes on from a checkpoint ends with other weights than one that never
#            stopped, unless it is evaluated at just the same steps.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "torch==2.13.0" "numpy==2.4.6"
venv/bin/python -I - <<'PY'
import sys

import torch
from torch.utils.data import DataLoader, TensorDataset

draw = torch.Generator().manual_seed(7)
INPUTS = torch.randn(64, 5, generator=draw)
DATA = TensorDataset(INPUTS, (INPUTS.sum(1) > 0).float())


def trained(held_out):
    """The weights after four epochs, evaluated on ``held_out`` after each."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Dropout(0.3), torch.nn.Linear(5, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    loss_of = torch.nn.BCEWithLogitsLoss()
    for _ in range(4):
        for inputs, labels in DataLoader(DATA, 8, shuffle=True):
            optimizer.zero_grad()
            loss_of(net(inputs)[:, 0], labels).backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            for inputs, labels in held_out:
                loss_of(net(inputs)[:, 0], labels)
        net.train()
    return net[1].weight.detach()


alone = trained([])
found = {
    "a DataLoader": trained(DataLoader(DATA, 16)),
    "one with a generator": trained(DataLoader(DATA, 16, generator=torch.Generator())),
    "a list": trained(list(DataLoader(DATA, 16))),
}
apart = {name: float((weights - alone).abs().max()) for name, weights in found.items()}
for name, difference in apart.items():
    print(f"evaluated by {name}: largest difference {difference:.3f}")
as_seen = apart["a DataLoader"] > 0.01
as_seen &= apart["one with a generator"] == 0.0 and apart["a list"] == 0.0
sys.exit(0 if as_seen else "this has changed")
PY
