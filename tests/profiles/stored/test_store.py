"""Where machines and profiles are found, and what is said where they are not."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pytest

from profiles.machines import limits
from profiles.stored import store as store_module
from profiles.stored.store import RECORDED, Store
from rmixer.errors import InputError
from rmixer.files.typed_files import write_yaml
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.model_profile.profile_files import read_profile, write_profile
from rmixer.testing.made_up import make_job, make_machine, make_operator, make_profile, make_step


def profile(model: str = "criteo_dlrm", threads: tuple[int, ...] = (1,)) -> ModelProfile:
    """A made-up profile on the made-up machine."""
    steps = [make_step(threads=count) for count in threads]
    return make_profile(model, steps, [make_operator(1.0, threads=count) for count in threads])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "own", tmp_path / "recorded")


def record(store: Store, machine: Machine, *profiles: ModelProfile) -> None:
    """What the repository holds of a machine."""
    write_yaml(store.recorded / machine.name / "machine.yaml", machine)
    for found in profiles:
        write_profile(store.recorded / machine.name / found.key, found)


def test_by_default_ones_own_lie_at_home_and_the_recorded_in_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path))
    assert Store().own == tmp_path / "profiles"
    assert Store().recorded == RECORDED == Path(store_module.__file__).parents[1] / "recorded"


def test_what_is_kept_is_found_again(store: Store) -> None:
    made = profile()
    assert store.find("made-up", made.key) is None
    store.save_machine(make_machine())
    assert store.save(made) == store.own / "made-up" / made.key
    assert store.machine("made-up") == make_machine()
    assert store.find("made-up", made.key) == made
    assert store.find("another", made.key) is None


def test_it_is_read_once_and_anew_when_it_was_written_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, reads = profile(), []
    monkeypatch.setattr(
        store_module, "read_profile", lambda place: reads.append(place) or read_profile(place)
    )
    for warmup_steps in (7, 8, 9):  # of one length
        changed = dataclasses.replace(made, warmup_steps=warmup_steps)
        write_profile(store.own / "made-up" / made.key, changed)
        reads.clear()
        for known in (store, Store(store.own)):
            assert known.find("made-up", made.key) == changed
        assert len(reads) == 1
    table = store.own / "made-up" / made.key / "operators.csv"
    table.write_text(table.read_text().replace("1.0", "1.5"))
    with pytest.raises(InputError, match="profile it again"):
        store.find("made-up", made.key)


def test_ones_own_shadow_the_recorded(store: Store) -> None:
    recorded = profile()
    own = dataclasses.replace(recorded, warmup_steps=7)
    other = profile("amazon_din")
    record(store, make_machine(), recorded, other)
    assert store.find("made-up", own.key) == recorded
    store.save(own)
    assert store.find("made-up", own.key) == own
    assert store.profiles("made-up") == [other, own]
    store.save_machine(make_machine(cores=3))
    assert len(store.machine("made-up").cores) == 3
    assert set(store.machines()) == {"made-up"}


def test_a_machine_elsewhere_brings_its_profiles(store: Store, tmp_path: Path) -> None:
    """The folder that a colleague sent."""
    sent = Store(tmp_path / "sent")
    folder = sent.save_machine(make_machine(name="theirs")).parent
    theirs = dataclasses.replace(profile(), machine="theirs")
    sent.save(theirs)
    assert store.find("theirs", theirs.key) is None
    for path in (folder, folder / "machine.yaml"):
        assert store.machine(str(path)) == make_machine(name="theirs")
        assert store.find("theirs", theirs.key) == theirs
        assert store.profiles("theirs") == [theirs]


def test_a_folder_that_is_given_is_not_filled_up_with_ones_own(
    store: Store, tmp_path: Path
) -> None:
    """A copy from which a profile was taken away lacks it, though another of its name has it; one
    without profiles means those of its name."""
    store.save_machine(make_machine())
    ones_own, other = profile(), profile("amazon_din")
    store.save(ones_own)
    store.save(other)
    copy = Store(tmp_path / "copy")
    folder = copy.save_machine(make_machine()).parent
    store.machine(str(folder))
    assert store.find("made-up", ones_own.key) == ones_own
    copy.save(other)
    assert store.find("made-up", ones_own.key) is None
    assert store.profiles("made-up") == [other]


def test_a_profile_that_lacks_a_thread_count_is_missing(store: Store) -> None:
    store.save(profile("criteo_dlrm", (1, 2)))
    store.save(profile("criteo_deepfm", (1,)))
    jobs = [
        make_job("a", "criteo_dlrm"),
        make_job("b", "criteo_deepfm"),
        make_job("c", "amazon_din"),
        make_job("d", "amazon_din"),
        make_job("e", "criteo_dlrm"),
    ]
    found, missing = store.load(jobs, make_machine(), (1, 2))
    assert list(found) == [profile("criteo_dlrm").key]
    assert [job.id for job in missing] == ["b", "c"]
    found, missing = store.load(jobs, make_machine())
    assert len(found) == 2
    assert [job.id for job in missing] == ["c"]


def test_a_profile_that_was_not_measured_beside_neighbours_is_missing_where_that_counts(
    store: Store,
) -> None:
    """On two cores a step of two threads has none."""
    alone = profile("criteo_dlrm", (1, 2))
    store.save(alone)
    assert store.load([make_job()], make_machine(), (1, 2))[1] == []
    assert store.load([make_job()], make_machine(), (1, 2), neighbours=True)[1] == [make_job()]
    beside = make_step(threads=1, compute_slowdown=(1.0,), stream_slowdown=(1.1,))
    store.save(dataclasses.replace(alone, steps=(beside, make_step(threads=2))))
    assert store.load([make_job()], make_machine(), (1, 2), neighbours=True)[1] == []


def test_an_unknown_machine_is_answered_with_the_nearest(store: Store) -> None:
    with pytest.raises(InputError, match="none yet: run `rmixer machine`"):
        store.machine("made-up")
    store.save_machine(make_machine())
    with pytest.raises(InputError) as error:
        store.machine("maed-up")
    expected = "--machine: found 'maed-up'; allowed: did you mean 'made-up'? one of made-up"
    assert str(error.value) == expected


@pytest.mark.parametrize(("name", "text"), [("summary.json", "{"), ("operators.csv", "index\n0\n")])
def test_a_corrupted_profile_is_named(store: Store, name: str, text: str) -> None:
    made = profile()
    path = store.save(made) / name
    path.write_text(text)
    with pytest.raises(InputError) as error:
        store.load([make_job()], make_machine())
    assert error.value.where == str(path)


def test_a_profile_in_the_place_of_another_is_refused(store: Store) -> None:
    """Copied by hand, or its identity edited: it is not what the folder's name promises."""
    copied = store.save(profile()).with_name(profile("amazon_din").key)
    write_profile(copied, profile())
    with pytest.raises(InputError) as error:
        store.load([make_job(model="amazon_din")], make_machine())
    assert error.value.where == str(copied / "summary.json")
    assert f"identity: found that of {profile().key}" in str(error.value)
    with pytest.raises(InputError, match="identity: found that of"):
        store.profiles("made-up")


def test_a_profile_that_was_edited_is_refused(store: Store) -> None:
    path = store.save(profile()) / "summary.json"
    path.write_text(path.read_text().replace('"warmup_steps": 0', '"warmup_steps": 1'))
    with pytest.raises(InputError, match="checksum: found one that its files do not have"):
        store.load([make_job()], make_machine())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "0123"}, "other code"),
        ({"config": {"rows": 3}, "optimizer": "sgd"}, "another configuration and optimizer"),
        ({"data": "files:0123"}, "other data"),
    ],
)
def test_what_a_stale_profile_differs_in_is_said(
    store: Store, change: dict[str, object], words: str
) -> None:
    """It is not found under the identity of today, and why is told."""
    today = profile()
    assert store.stale("made-up", today.identity) == ""
    old = dataclasses.replace(today.identity, **change)  # type: ignore[arg-type]
    store.save(dataclasses.replace(today, identity=old))
    assert store.find("made-up", today.key) is None
    assert store.stale("made-up", today.identity) == f"was profiled with {words}"


def test_a_corrupted_machine_is_named(store: Store) -> None:
    path = store.save_machine(make_machine())
    path.write_text("cores: [")
    with pytest.raises(InputError) as error:
        store.this_machine()
    assert error.value.where == str(path)


def this() -> Machine:
    """A machine file as measuring this machine would give it."""
    return dataclasses.replace(
        make_machine(cores=len(limits.usable_cores()), name="this"),
        origin="measured",
        cores=limits.usable_cores(),
        memory_bytes=limits.usable_memory_bytes(),
        processor=limits.processor_name(),
        gpus=make_machine(gpus=limits.usable_gpus()).gpus,
    )


def test_with_other_gpus_it_is_another_machine(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One was taken out, or is hidden; or one came."""
    gpus = make_machine(gpus=1).gpus
    store.save_machine(dataclasses.replace(this(), gpus=gpus))
    monkeypatch.setattr(limits, "usable_gpus", lambda: 0)
    assert store.known_machine() is None
    monkeypatch.setattr(limits, "usable_gpus", lambda: 1)
    known = store.known_machine()
    assert known is not None
    assert known.gpus == gpus


def test_a_machine_in_the_folder_of_another_is_refused(store: Store) -> None:
    place = store.save_machine(make_machine())
    write_yaml(place, dataclasses.replace(make_machine(), name="other"))
    message = f"{place}: name: found 'other'; allowed: 'made-up', its folder's name"
    for look in (store.known_machine, lambda: store.machine("made-up")):
        with pytest.raises(InputError) as error:
            look()
        assert str(error.value) == message
    assert store.machine(str(place.parent)).name == "other"


def test_this_machine_is_measured_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def measure(**_: object) -> Machine:
        measured.append("once")
        return this()

    monkeypatch.setattr(store_module, "measure_machine", measure)
    assert store.known_machine() is None
    assert store.this_machine() == store.this_machine() == this()
    assert measured == ["once"]


def test_of_several_names_for_this_machine_the_one_measured_last_counts(store: Store) -> None:
    for age_s, name in ((30, "aaa"), (10, "mmm"), (20, "zzz")):
        place = store.save_machine(dataclasses.replace(this(), name=name))
        then_s = time.time() - age_s
        os.utime(place, (then_s, then_s))
    assert store.known_machine() == dataclasses.replace(this(), name="mmm")


def test_a_recorded_machine_of_the_same_make_is_not_this_one(store: Store) -> None:
    record(store, this(), profile())
    assert store.known_machine() is None
    store.save_machine(this())
    assert store.known_machine() == this()


@pytest.mark.parametrize(
    "change",
    [
        {"memory_bytes": 12345},
        {"cores": (998, 999)},
        {"processor": "another"},
        {"origin": "modelled"},
    ],
)
def test_another_machine_is_not_this_one(store: Store, change: dict[str, object]) -> None:
    machine = dataclasses.replace(this(), **change)  # type: ignore[arg-type]
    tables = ("core_capacity", "bandwidth_gbps", "matmul_gflops")
    count = len(machine.cores)
    store.save_machine(
        dataclasses.replace(machine, **dict.fromkeys(tables, (1.0,) * count))  # type: ignore[arg-type]
    )
    assert store.known_machine() is None
