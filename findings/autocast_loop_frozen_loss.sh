#!/usr/bin/env bash
# A training loop inside one torch.autocast block trains on the weights it began with.
#
# Version:   torch 2.13.0
# Expected:  `with torch.autocast(...)` around the loop costs nothing but precision: each forward
#            pass casts the weights as they are then.
# Seen:      autocast keeps the bfloat16 copy of a float32 weight until the block ends, and does
#            not look whether the weight has changed. The optimizer moves the weight, the forward
#            pass still reads the first copy. The loss stays the same number for ever, without a
#            warning. The weight does not stay: the same gradient is added at each step, so that
#            it runs far past the optimum. `cache_enabled=False`, or a block for each forward
#            pass, trains as it should.
# Output:    block per step:    losses 1.000 0.640 0.410 ... 0.000, afterwards w = 0.989
#            block per loop:    losses 1.000 1.000 1.000 ... 1.000, afterwards w = 4.000
#            loop, no cache:    losses 1.000 0.640 0.410 ... 0.000, afterwards w = 0.989
#            warnings: 0
# Matters:   a job that is profiled or scheduled this way has plausible step times (even faster
#            ones: the casts are missing) and a finite loss, and learns nothing.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "torch==2.13.0" "numpy==2.4.6"
venv/bin/python -I - <<'PY'
import contextlib
import sys
import warnings

import torch

STEPS = 20


def train(around_loop, around_step):
    """Fit w of y = w * x to w = 1, from 0; what the losses were, and where w ended."""
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(layer.weight)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    samples = torch.ones(4, 1)
    losses = []
    with around_loop():
        for _ in range(STEPS):
            optimizer.zero_grad()
            with around_step():
                loss = (layer(samples).float() - 1.0).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses, layer.weight.item()


def autocast():
    return torch.autocast("cpu", torch.bfloat16)


def without_cache():
    return torch.autocast("cpu", torch.bfloat16, cache_enabled=False)


with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    found = {
        "block per step": train(contextlib.nullcontext, autocast),
        "block per loop": train(autocast, contextlib.nullcontext),
        "loop, no cache": train(without_cache, contextlib.nullcontext),
    }
for name, (losses, weight) in found.items():
    first = " ".join(f"{loss:.3f}" for loss in losses[:3])
    print(f"{name + ':':18} losses {first} ... {losses[-1]:.3f}, afterwards w = {weight:.3f}")
print("warnings:", len(warned))

frozen, far = found["block per loop"]
if not (set(frozen) == {1.0} and abs(far - 4.0) < 1e-3 and not warned):
    sys.exit("CHANGED: the loss inside one autocast block is no longer frozen (or it warns)")
for name in ("block per step", "loop, no cache"):
    losses, weight = found[name]
    if not (losses[-1] < 0.001 and abs(weight - 0.988) < 0.01):
        sys.exit(f"CHANGED: {name} no longer trains")
PY
