#!/usr/bin/env bash
# The same seed gives other initial weights on a processor without AVX2.
#
# Version:   torch 2.13.0, CPU, on x86 with AVX2 (others have the plain kernel alone)
# Expected:  torch's generator on the CPU is the Mersenne Twister. One seed, one version of torch:
#            normal_ gives the same values on every machine, as rand and randint do.
# Seen:      normal_ of 16 values or more has a kernel of its own for AVX2, whose logarithm and cosine
#            are rounded otherwise. Over a third of the values differ in their last bits between it and
#            the plain kernel that all other processors run (ARM servers too). Up to 15 values are
#            the same, for there is one kernel for them; they are not the first of 16 either. The
#            plain kernel is three times slower. ATEN_CPU_CAPABILITY chooses between them.
# Output:    (the last line of each as on an AMD EPYC of 2024)
#            rand, 1,000,000 values: the same
#            randint, 1,000,000 values: the same
#            normal_, 15 values: the same
#            normal_, 1,000,000 values: 38.5% differ, by up to 2.3e-06
#            normal_, 15 values: 0 of them are among the first 15 of 16
# Matters:   a run is repeated by its seed. Trained on another kind of machine it is another run from
#            the first step on: losses differ in digits that a comparison of two machines looks at.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
if ! grep --quiet --word-regexp avx2 /proc/cpuinfo; then
    echo "this processor has no AVX2: it runs the plain kernel alone" >&2
    exit 2
fi
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "torch==2.13.0" "numpy==2.4.6"
cat > draw.py <<'PY'
import sys

import torch

COUNT = 1_000_000


def seeded(draw):
    torch.manual_seed(0)
    return draw()


torch.save(
    {
        "rand, 1,000,000 values": seeded(lambda: torch.rand(COUNT)),
        "randint, 1,000,000 values": seeded(lambda: torch.randint(1 << 62, (COUNT,))),
        "normal_, 15 values": seeded(lambda: torch.empty(15).normal_()),
        "normal_, 16 values": seeded(lambda: torch.empty(16).normal_()),
        "normal_, 1,000,000 values": seeded(lambda: torch.empty(COUNT).normal_()),
    },
    sys.argv[1],
)
PY
ATEN_CPU_CAPABILITY=avx2 venv/bin/python -I draw.py avx2.pt
ATEN_CPU_CAPABILITY=default venv/bin/python -I draw.py default.pt
venv/bin/python -I - <<'PY'
import sys

import torch

one, other = torch.load("avx2.pt"), torch.load("default.pt")
share = {}
for name in one:
    differ = one[name] != other[name]
    share[name] = differ.double().mean().item()
    most = (one[name] - other[name]).abs().max().item()
    if name != "normal_, 16 values":
        print(f"{name}: {f'{share[name]:.1%} differ, by up to {most:.1e}' if differ.any() else 'the same'}")
few, more = one["normal_, 15 values"], one["normal_, 16 values"]
kept = int((few == more[:15]).sum())
print(f"normal_, 15 values: {kept} of them are among the first 15 of 16")

same = ("rand, 1,000,000 values", "randint, 1,000,000 values", "normal_, 15 values")
if any(share[name] for name in same) or not 0.2 < share["normal_, 1,000,000 values"] < 0.6 or kept:
    sys.exit("CHANGED: initial weights depend on the processor in another way")
PY
