#!/usr/bin/env bash
# torch.set_num_threads in one thread leaves that of the caller's other threads, and becomes that
# of threads that do not exist yet.
#
# Version:   torch 2.13.0 (OpenMP build, as on PyPI for Linux)
# Expected:  torch.set_num_threads sets "the number of threads used for intraop parallelism" of the
#            process. Or, if one knows OpenMP, of the calling thread only.
# Seen:      neither. What a worker thread sets, the main thread never sees; but every thread that
#            computes for the first time afterwards starts with it, as the last one who called it
#            wished. What the main thread sets later does not reach threads that are already at
#            work. So the sum of a pool's threads depends on who called it last and on which
#            threads had already computed. The threads are real: the count is of the kernel's.
# Output:    main sets 1, a worker sets 6:           main 1, worker 6
#            a new thread that sets nothing:         6, starts 5 more threads of the system
#            main sets 3: the worker at work:        6
#            main sets 3: a thread after that:       3
# Matters:   jobs on one machine share its cores by such numbers. Whoever lets jobs, loaders or
#            evaluations run as threads of one process gets counts that nobody wrote down, and
#            profiles of thread counts that were not used.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
unset OMP_NUM_THREADS MKL_NUM_THREADS OMP_THREAD_LIMIT OMP_DYNAMIC
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "torch==2.13.0" "numpy==2.4.6"
venv/bin/python -I - <<'PY'
import os
import queue
import sys
import threading

import torch

if "ATen parallel backend: OpenMP" not in torch.__config__.parallel_info():
    sys.exit("CHANGED: this build of torch does not compute with OpenMP")


class Thread:
    """A thread that stays, and does what it is asked."""

    def __init__(self):
        self._asked, self._answers = queue.Queue(), queue.Queue()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self):
        while True:
            self._answers.put(self._asked.get()())

    def do(self, what):
        self._asked.put(what)
        return self._answers.get()


numbers = torch.ones(4_000_000)


def threads_started():
    before = len(os.listdir("/proc/self/task"))
    numbers + 1
    return len(os.listdir("/proc/self/task")) - before


torch.set_num_threads(1)
worker = Thread()
worker.do(lambda: torch.set_num_threads(6))
first = torch.get_num_threads(), worker.do(torch.get_num_threads)
print(f"main sets 1, a worker sets 6:           main {first[0]}, worker {first[1]}")
later = Thread()
of_later = later.do(torch.get_num_threads), later.do(threads_started)
of_system = f"starts {of_later[1]} more threads of the system"
print(f"a new thread that sets nothing:         {of_later[0]}, {of_system}")
torch.set_num_threads(3)
at_work, after = later.do(torch.get_num_threads), Thread().do(torch.get_num_threads)
print(f"main sets 3: the worker at work:        {at_work}")
print(f"main sets 3: a thread after that:       {after}")

if (first, of_later, at_work, after) != ((1, 6), (6, 5), 6, 3):
    sys.exit("CHANGED: torch.set_num_threads reaches other threads than it did")
PY
