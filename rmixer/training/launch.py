"""Becomes another program, pinned: ``python -I -S launch.py CORES PARENT PROGRAM ARGUMENTS ...``.

Affinity must be set before the program's libraries count the cores. The program is killed when its
parent ends, and takes Ctrl-C as a program in the foreground does, even if the parent ignores it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    cores, parent, program = sys.argv[1:4]
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit("its parent has ended")
    try:
        os.execv(program, sys.argv[3:])
    except OSError as error:
        sys.exit(f"{program}: {error.strerror}")
