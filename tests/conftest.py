"""What every test finds: a home of its own, so that no test reads or fills the user's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def rmixer_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One folder for the whole session: each synthetic twin is made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RMIXER_HOME", str(tmp_path_factory.mktemp("rmixer_home")))
        yield
