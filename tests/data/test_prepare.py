"""Prepared once, whole or not at all, whoever asks and however many at once."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from rmixer.data.arrays import Chunks, Column
from rmixer.data.prepare import open_dataset, prepare
from rmixer.errors import InputError
from rmixer.workload import SYNTHETIC


class SmallData(ModuleType):
    """A data set of three samples that counts how often it is made."""

    COLUMNS = {"label": Column("uint8", "float32")}  # noqa: RUF012
    made = 0
    fails = False

    def twin(self) -> Chunks:
        self.made += 1
        yield {"label": np.array([0, 1])}
        if self.fails:
            raise RuntimeError("the power went")
        yield {"label": np.array([1])}
        return 2


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SmallData:
    data = SmallData("rmixer.data.small")
    monkeypatch.setitem(sys.modules, "rmixer.data.small", data)
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    return data


def test_made_once_and_found_again(small: SmallData) -> None:
    first = prepare("small", SYNTHETIC)
    assert prepare("small", SYNTHETIC) == first
    assert small.made == 1
    assert open_dataset("small", SYNTHETIC).values["label"].tolist() == [0, 1, 1]


def test_many_at_once(small: SmallData) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: prepare("small", SYNTHETIC), range(8)))
    (folder,) = folders
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert open_dataset("small", SYNTHETIC).rows == 3


def test_half_made_is_not_made(small: SmallData, tmp_path: Path) -> None:
    small.fails = True
    with pytest.raises(RuntimeError, match="the power went"):
        prepare("small", SYNTHETIC)
    assert list((tmp_path / "home" / "data").iterdir()) == []
    small.fails = False
    assert open_dataset("small", SYNTHETIC).rows == 3


def test_a_home_that_cannot_be_written(
    small: SmallData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"RMIXER_HOME.*a folder that can be written"):
        prepare("small", SYNTHETIC)
