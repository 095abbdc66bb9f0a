"""Jobs of a user's own model in a workload, and the profiles that belong to them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rmixer.errors import InputError
from rmixer.files.typed_files import Name, parse, plain
from rmixer.workload.workload import Workload, job_of
from rmixer.workload.workload_file import read_workload

ROOT = Path(__file__).resolve().parents[3]
BUILD = "def build(job):\n    return None\n"


def read(folder: Path, *jobs: str) -> Workload:
    (folder / "my_net.py").write_text(BUILD)
    path = folder / "queue.yaml"
    path.write_text("jobs:\n" + "".join(f"  - {{{keys}}}\n" for keys in jobs))
    return read_workload(path)


def test_defaults_ids_and_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "wide.py").write_text("def build_wide(job): ...")
    workload = read(
        tmp_path,
        "model: 'my_net:build', steps: 5, count: 2",
        "model: 'wide:build_wide', steps: 5",
        "model: 'my_net:build', steps: 5, batch: 8, lr: 0.1, optimizer: sgd, rows_cap: 7",
    )
    assert [job.id for job in workload.jobs] == [
        "my_net-0",
        "my_net-1",
        "wide-build_wide-0",
        "my_net-2",
    ]
    first, *_, last = workload.jobs
    assert (first.batch, first.lr, first.optimizer, first.rows_cap) == (256, 0.001, "adam", None)
    assert (last.batch, last.lr, last.optimizer, last.rows_cap) == (8, 0.1, "sgd", 7)
    assert {job.module_root for job in workload.jobs} == {str(tmp_path)}
    assert first.is_own
    assert not job_of("criteo_dlrm").is_own
    assert parse(plain(workload), Workload, "") == workload


def test_data_are_handed_on_and_paths_that_exist_are_made_whole(tmp_path: Path) -> None:
    (tmp_path / "clicks.csv").touch()
    given = ("clicks.csv", "s3://bucket/clicks", "none.csv")
    jobs = read(tmp_path, *(f"model: 'my_net:build', steps: 1, data: '{d}'" for d in given)).jobs
    assert [job.data for job in jobs] == [str(tmp_path / "clicks.csv"), *given[1:]]
    assert len({job.identity.key for job in jobs}) == 3


def test_the_message_names_file_and_key(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, "model: 'my_net:build', steps: 1", "model: 'my_net:bild', steps: 1")
    assert str(error.value).startswith(
        f"{tmp_path / 'queue.yaml'}: line 3: jobs.1.model: found no 'bild'"
    )


def test_one_module_of_a_name_in_a_workload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two teams with a module ``features`` each: in one worker the second would get the first."""
    for team in ("red", "blue"):
        (tmp_path / team).mkdir()
        (tmp_path / team / "features.py").touch()
        (tmp_path / team / f"{team}_net.py").write_text(f"import features\n{BUILD}")
        monkeypatch.syspath_prepend(tmp_path / team)
    with pytest.raises(InputError, match="one module 'features' in a workload") as error:
        read(tmp_path, *(f"model: '{team}_net:build', steps: 1" for team in ("red", "blue")))
    assert error.value.key == "jobs.1.model"
    assert str(tmp_path / "red") in error.value.allowed


def test_a_workload_is_read_without_torch(tmp_path: Path) -> None:
    read(tmp_path, "model: 'my_net:build', steps: 1")
    code = (
        "import sys; from pathlib import Path\n"
        "from rmixer.workload.workload_file import read_workload\n"
        f"read_workload(Path({str(tmp_path / 'queue.yaml')!r}));"
        "print([name for name in ('torch', 'my_net') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_key_of_a_profile_is_a_name_and_changes_with_the_source(tmp_path: Path) -> None:
    (job,) = read(tmp_path, "model: 'my_net:build', steps: 1").jobs
    identity = job.identity
    assert identity.key.startswith("my_net-b256-")
    assert parse(identity.key, Name, "") == identity.key
    assert (identity.architecture, identity.config) == ("my_net:build", {})
    (tmp_path / "my_net.py").write_text(f"{BUILD}# changed")
    (changed,) = read_workload(tmp_path / "queue.yaml").jobs
    assert changed.identity.key != identity.key
    for same in ({"module_root": "/elsewhere"}, {"seed": 3, "lr": 0.5, "steps": 9, "id": "b"}):
        assert replace(job, **same).identity.key == identity.key  # type: ignore[arg-type]
    for other in ({"batch": 8}, {"optimizer": "sgd"}, {"rows_cap": 3}, {"model": "my_net:other"}):
        assert replace(job, **other).identity.key != identity.key  # type: ignore[arg-type]


def test_one_job_of_a_model_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (from_workload,) = read(tmp_path, "model: 'my_net:build', steps: 1").jobs
    monkeypatch.chdir(tmp_path)
    assert job_of("my_net:build") == from_workload
