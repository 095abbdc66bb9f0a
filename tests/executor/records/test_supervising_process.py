"""Whether a supervisor is still there: also where its number was given to another process."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

from executor.records.supervising_process import SupervisingProcess

ME = SupervisingProcess.this()


def test_a_process_is_there_until_it_has_ended() -> None:
    assert ME.presence() == "alive"
    code = (
        "import sys; from executor.records.supervising_process import SupervisingProcess;"
        "print(SupervisingProcess.this().start, flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    found = dataclasses.replace(ME, pid=other.pid, start=int(other.stdout.readline()))
    assert found.presence() == "alive"
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # it has ended, as its parent may learn
    assert found.presence() == "gone"
    other.communicate()
    assert found.presence() == "gone"


def test_another_process_with_its_number_is_not_it() -> None:
    assert dataclasses.replace(ME, start=ME.start - 1).presence() == "gone"


def test_a_machine_that_was_switched_on_again_has_none_of_its_processes() -> None:
    assert dataclasses.replace(ME, boot="before").presence() == "gone"


def test_nobody_sees_the_processes_of_another_machine_or_container() -> None:
    assert dataclasses.replace(ME, boot="theirs", host="other").presence() == "elsewhere"
    assert dataclasses.replace(ME, space="pid:[1]").presence() == "elsewhere"
