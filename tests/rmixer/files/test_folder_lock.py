"""A run folder is written to by one command at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rmixer.errors import InputError
from rmixer.files.folder_lock import hold_folder

HOLD = """
import sys
from pathlib import Path
from rmixer.files.folder_lock import hold_folder
with hold_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_second_command_is_refused_and_reads_who_was_first(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        link = tmp_path / "link"
        link.symlink_to(tmp_path / "new")
        for name in (folder, link / "run"):  # by whatever name
            with pytest.raises(InputError) as error, hold_folder(name):
                pass
            assert f"(process {first.pid}) is using" in str(error.value)
            assert error.value.where == str(name)
        with hold_folder(tmp_path / "new" / "other"):
            pass
        first.kill()  # a killed command leaves the file, and no lock
    assert [path.name for path in folder.parent.iterdir()] == [".run.lock"]
    with hold_folder(folder):
        folder.mkdir()
    assert [path.name for path in folder.parent.iterdir()] == ["run"]


def test_it_is_released_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(LookupError), hold_folder(tmp_path / "run"):
        raise LookupError
    with hold_folder(tmp_path / "run"):
        pass


def test_a_folder_that_moves_aside_takes_no_lock_along(tmp_path: Path) -> None:
    with hold_folder(tmp_path / "run"):
        (tmp_path / "run").mkdir()
        (tmp_path / "run").rename(tmp_path / "run.old-1")
        with pytest.raises(InputError, match="is using"), hold_folder(tmp_path / "run"):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["run.old-1"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), hold_folder(tmp_path / "file/run"):
        pass
