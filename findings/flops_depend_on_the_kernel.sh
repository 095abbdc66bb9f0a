#!/usr/bin/env bash
# torch counts no FLOPs for an LSTM, for attention, or for a transformer layer in eval().
#
# Version:   torch 2.13.0 (CPU)
# Expected:  FlopCounterMode and torch.profiler(with_flops=True) count matrix products. The same
#            layer has the same FLOPs whichever kernel computes it; what cannot be counted is named.
# Seen:      each has a list of operators. One that is not on it counts 0, without a word. On the
#            CPU an LSTM is such an operator: 0, while a GRU, three quarters of its work, is counted
#            in full (192 is the sum of the LSTM's two biases). The products of queries, keys and
#            values count if attention is asked for its weights, and 0 if it is not. eval() and
#            no_grad() bring a transformer layer without dropout to 0 by the counter and to three
#            quarters by the profiler, though the layer computes the same.
# Output:    layer                                   by hand     counter    profiler
#            GRU                                    10321920    10321920    10337280
#            LSTM                                   13762560           0         192
#            attention that returns its weights     11304960    11304960    11325440
#            attention that does not                11304960    10485760    10485760
#            transformer layer in train()           21790720    20971520    21012480
#            the same in eval() and no_grad()       21790720           0    16547840
# Matters:   job types, rooflines and "FLOP/s reached" are drawn from such counts. A model with an
#            LSTM would be filed as one that computes nothing.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "torch==2.13.0" "numpy==2.4.6"
venv/bin/python -I - <<'PY' 2>&1 | grep --invert-match '^USDT:'
import sys

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

BATCH, TIMES, WIDTH, HIDDEN, HEADS = 32, 10, 64, 48, 4
samples = torch.randn(BATCH, TIMES, WIDTH)


def counted(run):
    """(by FlopCounterMode, by the profiler)"""
    run()
    with FlopCounterMode(display=False) as counter:
        run()
    with profile(activities=[ProfilerActivity.CPU], with_flops=True) as profiler:
        run()
    return counter.get_total_flops(), sum(row.flops or 0 for row in profiler.key_averages())


gates = 2 * BATCH * TIMES * HIDDEN * (WIDTH + HIDDEN)  # one gate: a product and an addition each
scores = 2 * 2 * BATCH * TIMES * TIMES * WIDTH  # queries by keys, and weights by values
projections = 2 * BATCH * TIMES * 4 * WIDTH * WIDTH  # query, key, value, output
feed_forward = 2 * BATCH * TIMES * 2 * WIDTH * 2 * WIDTH

gru, lstm = (kind(WIDTH, HIDDEN, batch_first=True) for kind in (nn.GRU, nn.LSTM))
attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, dropout=0.0, batch_first=True)


def attend(weights):
    return lambda: attention(samples, samples, samples, need_weights=weights)


def evaluate():
    layer.eval()
    with torch.no_grad():
        layer(samples)


found = {
    "GRU": (3 * gates, *counted(lambda: gru(samples))),
    "LSTM": (4 * gates, *counted(lambda: lstm(samples))),
    "attention that returns its weights": (projections + scores, *counted(attend(True))),
    "attention that does not": (projections + scores, *counted(attend(False))),
    "transformer layer in train()": (
        projections + scores + feed_forward,
        *counted(lambda: layer(samples)),
    ),
    "the same in eval() and no_grad()": (projections + scores + feed_forward, *counted(evaluate)),
}
print(f"{'layer':38}{'by hand':>12}{'counter':>12}{'profiler':>12}")
for name, counts in found.items():
    print(f"{name:38}" + "".join(f"{count:12}" for count in counts))

for name, (by_hand, counter, profiled) in found.items():
    if "GRU" in name or "returns" in name:
        held = counter == by_hand and 1.0 <= profiled / by_hand < 1.01
    elif name == "LSTM":
        held = counter == 0 and profiled < 0.01 * by_hand
    elif "eval" in name:
        held = counter == 0 and profiled < 0.9 * by_hand
    else:
        held = counter == by_hand - scores and profiled < 0.99 * by_hand
    if not held:
        sys.exit(f"CHANGED: {name} is now counted as {counter} and {profiled}")
PY
