"""Wrong input: one message that says what, where, found and allowed; exit code 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import call, refused

from profiles.profiler import door
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.scheduling.schedule import read_schedule
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step
from rmixer.workload.workload_file import read_workload

WORKLOAD = "jobs:\n  - {model: criteo_dlrm, steps: 10}\n"


@pytest.fixture
def workload(tmp_path: Path) -> Path:
    path = tmp_path / "queue.yaml"
    path.write_text(WORKLOAD)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own with a made-up machine in it."""
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    Store().save_machine(make_machine())
    return tmp_path / "home"


def profile_for(workload: Path, peak_bytes: int = 1 << 30) -> None:
    """Keep a made-up profile of the workload's first job on the made-up machine."""
    job = read_workload(workload).jobs[0]
    steps = [make_step(threads=threads) for threads in (1, 2)]
    operators = [make_operator(10_000.0, threads=threads) for threads in (1, 2)]
    Store().save(make_profile(job.model, steps, operators, job.batch, peak_bytes))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["empty"]),
        ("[1, 2]", ["mapping"]),
        ("jobs: [}", ["line 1"]),
        ("jobs: []", ["jobs"]),
        ("jobs: [{model: criteo_dlrm, steps: 5, step: 3}]", ["jobs.0.step", "steps"]),
        ("jobs: [{model: criteo_dlmr, steps: 5}]", ["jobs.0.model", "did you mean 'criteo_dlrm'"]),
        ("jobs: [{model: criteo_dlrm, steps: 0}]", ["jobs.0.steps", "0", "> 0"]),
        ("jobs: [{model: criteo_dlrm, steps: 5, count: -1}]", ["jobs.0.count", "-1"]),
        ("jobs: [{model: criteo_dlrm, steps: 5, batch: 0}]", ["jobs.0.batch"]),
        ("jobs: [{model: criteo_dlrm, steps: 5, lr: .inf}]", ["jobs.0.lr", "finite"]),
        ("jobs: [{model: criteo_dlrm, steps: 5, arrival_s: .nan}]", ["jobs.0.arrival_s"]),
        ("jobs: [{model: criteo_dlrm, steps: 5, after: x}]", ["jobs.0.after", "not supported"]),
        ("jobs: [{command: python train.py, steps: 5}]", ["jobs.0.command", "no program"]),
        ("jobs: [{model: criteo_dlrm, epochs: -5}]", ["jobs.0.epochs", "> 0"]),
    ],
)
def test_wrong_workloads(
    text: str, told: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "queue.yaml"
    path.write_text(text)
    message = refused(capsys, "run", path)
    assert str(path) in message
    for part in told:
        assert part in message


def test_a_missing_workload(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in refused(capsys, "sweep", tmp_path / "none.yaml")


def test_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean 'simulate'" in refused(capsys, "simulat")


@pytest.mark.usefixtures("home")
def test_unknown_policy_and_machine(workload: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "simulate", workload, "--policy", "dyTyp")
    assert "did you mean 'dyType'" in message
    message = refused(capsys, "sweep", workload, "--policies", "sequental")
    assert "did you mean 'sequential'" in message
    message = refused(capsys, "sweep", workload, "--machine", "mad-up")
    assert "did you mean 'made-up'" in message


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "", "epyc-2c"])
def test_names_that_this_machine_cannot_have(
    name: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(home.parent.rglob("*"))
    assert f"--name: found {name!r}" in refused(capsys, "machine", "--name", name)
    assert sorted(home.parent.rglob("*")) == before


def test_a_home_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(
        "profiles.machines.measure_machine.measure_machine", lambda *_: make_machine()
    )
    ended = call(capsys, "machine", "--name", "mine")
    assert (ended.code, ended.out) == (2, "")
    found = f"{tmp_path / 'file'}: File exists"
    assert ended.err == f"error: $RMIXER_HOME: found {found}; allowed: a folder to write to\n"


@pytest.mark.usefixtures("home")
def test_a_job_without_a_profile(workload: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "sweep", workload, "--machine", "made-up")
    assert "criteo_dlrm-b256" in message
    assert "rmixer profile run" in message


@pytest.mark.usefixtures("home")
def test_a_job_that_fits_no_device(
    workload: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile_for(workload, peak_bytes=7 << 30)
    message = refused(capsys, "sweep", workload, "--machine", "made-up", "--out", tmp_path / "out")
    assert "criteo_dlrm-0" in message
    assert "8.40 GiB" in message  # 1.2 x 7 GiB
    assert "8.00 GiB" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("home")
def test_a_simulation_that_is_refused_leaves_the_earlier_one(
    workload: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile_for(workload)
    simulated = ("simulate", workload, "--policy", "dyRand", "--machine", "made-up")
    assert call(capsys, *simulated, "--out", tmp_path / "out").code == 0
    before = (tmp_path / "out" / "summary.json").read_bytes()
    profile_for(workload, peak_bytes=7 << 30)
    message = refused(capsys, *simulated, "--slots", 1, "--out", tmp_path / "out")
    assert "8.40 GiB" in message
    assert (tmp_path / "out" / "summary.json").read_bytes() == before
    assert not (tmp_path / "out.old-1").exists()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("known", [True, False])
def test_a_model_that_the_free_memory_does_not_hold(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    known: bool,
) -> None:
    """Whether this machine is known or not: before anything is measured or written."""
    monkeypatch.setattr(door, "free_memory_bytes", lambda: 8 << 30)
    monkeypatch.setattr(Store, "known_machine", lambda _: make_machine() if known else None)
    path, out = tmp_path / "queue.yaml", tmp_path / "out"
    path.write_text("jobs:\n  - {model: mlperf_dlrm_dcnv2, steps: 10}\n")
    message = refused(capsys, "run", path, "--plan", "--out", out)
    assert "mlperf_dlrm_dcnv2, batch 8192: memory: found 194.8 GiB" in message
    assert "8.0 GiB" in message
    if known:
        assert message == refused(capsys, "run", path, "--out", out)
        assert message == refused(capsys, "profile", "run", "mlperf_dlrm_dcnv2")
    assert not out.exists()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("damage", ["schema", "truncated", "column", "negative"])
def test_damaged_profiles(
    damage: str, workload: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile_for(workload)
    folder = next((home / "profiles" / "made-up").glob("criteo_dlrm*"))
    summary, operators = folder / "summary.json", folder / "operators.csv"
    if damage == "schema":
        data = json.loads(summary.read_text())
        summary.write_text(json.dumps({**data, "schema_version": 99}))
        told = ["summary.json", "schema_version", "99"]
    elif damage == "truncated":
        summary.write_text(summary.read_text()[:200])
        told = ["summary.json", "truncated"]
    elif damage == "column":
        lines = operators.read_text().splitlines()
        operators.write_text("\n".join([lines[0].replace("mean_us", "avg"), *lines[1:]]))
        told = ["operators.csv", "no column mean_us"]
    else:
        lines = operators.read_text().splitlines()
        cells = lines[1].split(",")
        cells[lines[0].split(",").index("mean_us")] = "-1"
        operators.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]))
        told = ["operators.csv", "line 2", "mean_us"]
    message = refused(capsys, "sweep", workload, "--machine", "made-up")
    for part in told:
        assert part in message


@pytest.mark.usefixtures("home")
def test_slots_and_threads_beyond_the_cores(
    workload: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile_for(workload)
    arguments = ("simulate", workload, "--policy", "dyType", "--machine", "made-up")
    message = refused(capsys, *arguments, "--slots", 3)
    assert "3" in message
    assert "2 usable cores" in message
    message = refused(capsys, "sweep", workload, "--machine", "made-up", "--threads", "1,x")
    assert "--threads" in message


@pytest.mark.usefixtures("home")
def test_output_folders_that_will_not_do(
    workload: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile_for(workload)
    arguments = ("simulate", workload, "--policy", "dyType", "--machine", "made-up", "--out")
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "cat.png").write_bytes(b"not a run")
    assert "config.yaml" in refused(capsys, *arguments, photos)
    assert (photos / "cat.png").read_bytes() == b"not a run"
    assert "a file" in refused(capsys, *arguments, workload)
    assert "cannot be written" in refused(capsys, *arguments, workload / "below")
    assert "/proc" in refused(capsys, *arguments, "/proc/none/run")


@pytest.mark.usefixtures("home")
def test_a_schedule_for_another_machine(
    workload: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile_for(workload)
    out = tmp_path / "run"
    arguments = ("--policy", "dyType", "--machine", "made-up", "--out", out)
    assert call(capsys, "simulate", workload, *arguments).code == 0
    schedule = out / "schedule.json"
    data = json.loads(schedule.read_text())
    data["dispatches"][0]["devices"] = ["gpu:7"]
    schedule.write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"gpu:7.*cpu:0"):
        read_schedule(schedule).check(read_workload(workload), make_machine(), schedule)
    schedule.write_text(schedule.read_text()[:100])
    assert "truncated" in refused(capsys, "execute", schedule)


def test_validate_and_plot_need_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such folder" in refused(capsys, "validate", tmp_path / "none")
    assert "config.yaml" in refused(capsys, "plot", tmp_path)


@pytest.mark.usefixtures("home")
def test_a_simulation_cannot_be_validated(
    workload: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile_for(workload)
    out = tmp_path / "run"
    arguments = ("--policy", "dyType", "--machine", "made-up", "--out", out)
    ended = call(capsys, "simulate", workload, *arguments)
    assert ended.code == 0, ended.err
    assert "not executed" in refused(capsys, "validate", out)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("profile", "run", "--batch", "many"), "rmixer profile run: Invalid value for '--batch'"),
        (("profile", "run", "--bacth", "5"), "rmixer profile run: No such option"),
        (("simulate",), "rmixer simulate: Missing argument 'WORKLOAD'"),
        (("profile", "shwo"), "rmixer profile: No such command 'shwo'"),
        (("--all",), "rmixer: No such option"),
    ],
)
def test_what_no_command_understands_is_one_line(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, *arguments)
    assert message.startswith(f"error: {told}")
    assert message.count("\n") == 1


def test_a_group_without_a_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "profile")
    assert (ended.code, "Commands:" in ended.err) == (2, True)


@pytest.mark.parametrize(
    "command", [["machine"], ["machine", "--again"], ["profile", "run", "criteo_dlrm"]]
)
def test_a_home_that_cannot_be_written_is_told_before_anything_is_measured(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "file" / "home"))
    message = refused(capsys, *command)
    found = f"{tmp_path / 'file' / 'home'}: Not a directory"
    assert message == f"error: $RMIXER_HOME: found {found}; allowed: a folder to write to\n"
