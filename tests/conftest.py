"""What every test finds: a home of its own, so that no test reads or fills the user's, and locks of
its own, so that none waits for a run of the user's."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

# A busy machine is no mistake, and what fails once should fail again.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def rmixer_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One folder for the whole session, whether one process or several run the tests: each
    synthetic twin is made once."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RMIXER_HOME", str(shared / "rmixer_home"))
        patch.setenv("RMIXER_LOCK", f"tests-{os.getpid()}")
        yield


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> None:
    """A shell starts what it leaves in the background with Ctrl-C ignored, and so would be the
    commands that the tests start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
