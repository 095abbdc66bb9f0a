#!/usr/bin/env bash
# A step that the gradient scaler skips is announced as a step if the optimizer is fused.
#
# Version:   torch 2.13.0
# Expected:  torch.amp.GradScaler leaves out optimizer.step() where gradients overflowed. What
#            counts steps by register_step_post_hook counts the same with fused=True, which is
#            only a faster kernel.
# Seen:      with fused=True the scaler calls optimizer.step() all the same, and the kernel itself
#            leaves the weights alone. The hook runs for all 6 steps. The weights, and Adam's own
#            count, say 3. Without fused all three agree on 3.
# Output:    SGD   plain: hook 3, own count -, weights moved 3 times
#            SGD   fused: hook 6, own count -, weights moved 3 times
#            Adam  plain: hook 3, own count 3, weights moved 3 times
#            Adam  fused: hook 6, own count 3, weights moved 3 times
# Matters:   steps of a program that is not ours can only be counted by such hooks. Progress, rate
#            and the time that is left would depend on one keyword of the optimizer.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "torch==2.13.0" "numpy==2.4.6"
venv/bin/python -I - <<'PY'
import sys

import torch


def train(kind, fused):
    """Six steps, every other one with an infinite gradient: (by the hook, by the optimizer's
    own count, by the weights)."""
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = kind([weight], lr=0.1, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    hooked, moved = [], 0
    optimizer.register_step_post_hook(lambda *given: hooked.append(1))
    for index in range(6):
        before = weight.detach().clone()
        optimizer.zero_grad()
        factor = float("inf") if index % 2 else 1.0
        scaler.scale((weight * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        moved += not torch.equal(before, weight)
    own = optimizer.state[weight].get("step")
    return len(hooked), None if own is None else int(own), moved


found = {}
for kind in (torch.optim.SGD, torch.optim.Adam):
    for fused in (False, True):
        hooked, own, moved = found[kind.__name__, fused] = train(kind, fused)
        name = f"{kind.__name__:5} {'fused' if fused else 'plain'}"
        count = "-" if own is None else own
        print(f"{name}: hook {hooked}, own count {count}, weights moved {moved} times")

expected = {
    ("SGD", False): (3, None, 3),
    ("SGD", True): (6, None, 3),
    ("Adam", False): (3, 3, 3),
    ("Adam", True): (6, 3, 3),
}
if found != expected:
    sys.exit("CHANGED: skipped steps of fused optimizers are counted in another way")
PY
