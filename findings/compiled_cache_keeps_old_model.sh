#!/usr/bin/env bash
# A simulator compiled with numba's cache keeps the constants of the release before it.
#
# Version:   numba 0.68.1, numpy 2.4.6
# Expected:  `njit(cache=True)` keeps compiled code on disk until the code changes. After an upgrade
#            that changes a contention model, the walk that calls it is compiled anew.
# Seen:      the cache looks at the file of the outermost function alone. The model in another file
#            is part of what was kept: the function that calls it returns the old answer, in every
#            later process, without a warning. Called directly, the model gives the new answer. With
#            both in one file, or after the caller's file has changed too, the answer is right.
# Output:    release 1:                        walk 2.0, model itself 2.0
#            release 2, model.py changed:      walk 2.0, model itself 3.0
#            release 2, walk.py changed too:   walk 3.0, model itself 3.0
# Matters:   predictions of an upgraded simulator would rest on the old model, on machines that ran
#            the old release, and on no others: nobody could reproduce them.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "numba==0.68.1" "numpy==2.4.6"

mkdir simulator
model() {
  cat >simulator/model.py <<PY
from numba import njit


@njit(cache=True)
def slowdown(neighbours):
    return 1.0 + $1 * neighbours
PY
}
walk() {
  cat >simulator/walk.py <<PY
from numba import njit
from model import slowdown


@njit(cache=True)
def walk(steps):
    """$1"""
    total = 0.0
    for _ in range(steps):
        total += slowdown(1)
    return total
PY
}
answer() {
  venv/bin/python - <<'PY'
import sys

sys.path.insert(0, "simulator")
from model import slowdown
from walk import walk

print(f"walk {walk(1)}, model itself {slowdown(1)}")
PY
}
expect() {
  local title=$1 wanted=$2 found
  found=$(answer)
  printf '%-33s %s\n' "$title" "$found"
  [ "$found" = "$wanted" ] || { echo "CHANGED: $title gave '$found', not '$wanted'"; exit 1; }
}

model 1.0
walk "Release 1."
expect "release 1:" "walk 2.0, model itself 2.0"
sleep 1.1 # file times of a whole second would do
model 2.0
expect "release 2, model.py changed:" "walk 2.0, model itself 3.0"
walk "Release 2."
expect "release 2, walk.py changed too:" "walk 3.0, model itself 3.0"
