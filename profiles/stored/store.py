"""The store of machines and profiles: the user's own, and those recorded in the repository."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from profiles.assembling.settled_types import settled
from profiles.batches.batch_prediction import same_but_batch
from profiles.machines import limits
from profiles.machines.measure_machine import measure_machine
from profiles.stored.machine_noise import Executions, keep_noise, read_noise
from profiles.stored.merging import lacking_counts, with_other_places
from profiles.stored.provenance import apart_in_words
from profiles.stored.rekeying import rekey_machine, rekey_own
from profiles.traces.imported_simulation import simulated_profile
from rmixer.data.making import Bar, no_bar
from rmixer.errors import InputError, choice
from rmixer.files.home import check_home, home
from rmixer.files.typed_files import content_hash, write_yaml
from rmixer.hardware.core_lock import CoreLock
from rmixer.hardware.machine import Machine, read_machine
from rmixer.imported.imported_profile import find_imported
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.model_profile.profile_files import read_profile, read_summary, write_profile
from rmixer.workload.cost_identity import CostIdentity
from rmixer.workload.workload import Job

RECORDED = Path(__file__).resolve().parents[1] / "recorded"


class Store:
    """Folders of machines, each with ``machine.yaml`` and a folder a profile. New measurements go
    to ``own``; ``recorded`` is only read. ``bar`` shows the progress of measuring the machine."""

    def __init__(
        self, own: Path | None = None, recorded: Path = RECORDED, bar: Bar = no_bar
    ) -> None:
        self._bar = bar
        self.own = own or home() / "profiles"
        self.recorded = recorded
        self._given: dict[str, Path] = {}
        self._rekeyed: set[str] = set()

    def machines(self) -> dict[str, Path]:
        """The folders of all known machines by name; a user's own hide recorded ones."""
        found: dict[str, Path] = {}
        for root in (self.recorded, self.own):
            found.update({path.parent.name: path.parent for path in root.glob("*/machine.yaml")})
        return found

    def machine(self, name: str) -> Machine:
        """Finds a machine by name, or by the path of its ``machine.yaml`` or the folder around it.
        Then the profiles in that folder are used, or those of its name if the folder has none."""
        path = Path(name)
        if path.is_dir() and (path / "machine.yaml").exists():
            path = path / "machine.yaml"
        if path.suffix in (".yaml", ".yml"):
            machine = read_machine(path)
            self._given[machine.name] = path.parent
            return machine
        folders = self.machines()
        if name not in folders:
            allowed = f"{choice(name, folders)}" if folders else "none yet: run `rmixer machine`"
            raise InputError("--machine", "", repr(name), allowed)
        return _read_machine(folders[name] / "machine.yaml")

    def save_machine(self, machine: Machine) -> Path:
        """Saves ``machine`` among the user's own."""
        path = self.own / machine.name / "machine.yaml"
        write_yaml(path, machine)
        return path

    def known_machine(self) -> Machine | None:
        """The user's own machine with the usable cores, memory, processor and number of GPUs of
        this one, the last measured if there are several; None if there is none. A recorded machine
        of the same make is another one."""
        here = (
            limits.usable_cores(),
            limits.usable_memory_bytes(),
            limits.processor_name(),
            limits.usable_gpus(),
        )
        paths = sorted(self.own.glob("*/machine.yaml"))
        for path in sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True):
            machine = _read_machine(path)
            its = (machine.cores, machine.memory_bytes, machine.processor, len(machine.gpus))
            if its == here and machine.origin == "measured":
                return machine
        return None

    def this_machine(self, report: Callable[[str], None] = lambda text: None) -> Machine:
        """The machine that this process runs on, measured and saved if it is not known."""
        machine = self.known_machine()
        if machine is None:
            check_home()
            with CoreLock(limits.usable_cores(), report) as lock:
                lock.take()
                with self._bar("measuring the machine") as progress:
                    machine = measure_machine(report=report, progress=progress)
            self.save_machine(machine)
        return machine

    def noise(self, machine: Machine) -> float:
        """The relative difference between two executions of one schedule on ``machine``, from its
        latest runs. 0 if there are none, and for a machine that is given by its folder."""
        if machine.name in self._given:
            return 0.0
        found = read_noise(self.own / machine.name, machine)
        return found.noise if found else 0.0

    def keep_noise(self, machine: Machine, executions: Executions) -> None:
        """Stores the makespans of two executions on ``machine`` if it is this one as last measured,
        the same but for the GPUs in use."""
        known = self.known_machine()
        if known is not None and replace(known, gpus=()) == replace(machine, gpus=()):
            keep_noise(self.own / known.name, known, executions)

    def save(self, profile: ModelProfile) -> Path:
        """Saves ``profile`` among the user's own, merged with the stored one of its cost identity
        for other kinds of devices and counts of threads."""
        folder = self.own / profile.machine / profile.key
        try:
            there = (folder / "summary.json").exists()
            known = _read(folder, profile.machine) if there else None
        except InputError:  # it was damaged, or is of another version
            known = None
        write_profile(folder, with_other_places(profile, known))
        return folder

    def find(self, machine: str, key: str) -> ModelProfile | None:
        """The profile of a cost identity on a machine, or None."""
        folder = self.folder_of(machine, key)
        return None if folder is None else _read(folder, machine)

    def folder_of(self, machine: str, key: str) -> Path | None:
        """The folder of that profile, or None."""
        folders = (folder / key for folder in self._folders(machine))
        return next((found for found in folders if (found / "summary.json").exists()), None)

    def load(
        self,
        jobs: Iterable[Job],
        machine: Machine,
        threads: Sequence[int] = (),
        neighbours: bool = False,
    ) -> tuple[dict[str, ModelProfile], list[Job]]:
        """The profiles of ``jobs`` by key, and one job for each profile that is missing or lacks
        one of ``threads`` on a kind of device that holds it, or its figures with ``neighbours``
        although a core was free. An imported profile lacks nothing."""
        found: dict[str, ModelProfile] = {}
        missing: dict[str, Job] = {}
        for job in jobs:
            key = job.identity.key
            if key in found or key in missing:
                continue
            if job.profile:
                found[key] = _imported(job, machine)
                continue
            if job.is_own:
                rekey_own(self.own / machine.name, job)
            profile = self.find(machine.name, key)
            if profile is None or lacking_counts(profile, job, machine, threads, neighbours):
                missing[key] = job
            else:
                found[key] = self.settled(profile, machine)
        return found, list(missing.values())

    def settled(self, profile: ModelProfile, machine: Machine) -> ModelProfile:
        """``profile``, of ``machine``, with the job types that all sizes of its model tell
        (:func:`~profiles.assembling.settled_types.settled`)."""
        others = self._other_batches(machine.name, profile.identity, _summary_if_read)
        return settled(profile, others, machine)

    def other_batches(self, machine: str, identity: CostIdentity) -> list[ModelProfile]:
        """The profiles on one machine that differ from ``identity`` only in their batch."""
        return self._other_batches(machine, identity, lambda path: _read(path, machine))

    def _other_batches(
        self,
        machine: str,
        identity: CostIdentity,
        read: Callable[[Path], ModelProfile | None],
    ) -> list[ModelProfile]:
        start = f"{identity.label}-b"
        paths = [path for key, path in self._keys(machine).items() if key.startswith(start)]
        found = (read(path) for path in paths if path.name != identity.key)
        return [p for p in found if p is not None and same_but_batch(p.identity, identity)]

    def other_sources(self, machine: str, identity: CostIdentity) -> list[str]:
        """The sources of profiles on one machine that differ from ``identity`` only in their code
        and their batch."""
        start = f"{identity.label}-"
        found = [path for path in self._keys(machine).values() if path.name.startswith(start)]
        others = [_read(path, machine).identity for path in found]
        like = [o for o in others if same_but_batch(replace(o, source=identity.source), identity)]
        return sorted({other.source for other in like} - {identity.source})

    def stale(self, machine: str, identity: CostIdentity) -> str:
        """Says in words how the nearest profile of this model and batch on one machine differs from
        ``identity``; "" if there is none."""
        start = identity.key.rpartition("-")[0] + "-"
        found = [path for path in self._keys(machine).values() if path.name.startswith(start)]
        others = (_read(p, machine).identity for p in found if p.name != identity.key)
        same = (other for other in others if other.model == identity.model)
        return min((apart_in_words(other, identity) for other in same), key=len, default="")

    def profiles(
        self, machine: str, report: Callable[[str], None] | None = None
    ) -> list[ModelProfile]:
        """The profiles of one machine, by key. Raises :class:`InputError` for one that cannot be
        read; with a ``report`` that is reported instead, and the profile left out."""
        found = []
        for folder in self._keys(machine).values():
            try:
                found.append(_read(folder, machine))
            except InputError as error:
                if report is None:
                    raise
                report(f"left out: {error}")
        return found

    def programs(self, machine: str, name: str) -> list[ModelProfile]:
        """The profiles on one machine of command jobs whose program, or whose key, is ``name``."""
        keys = self._keys(machine)
        found = [keys[key] for key in keys if name in (key, key.rpartition("-")[0])]
        read = (_read(path, machine) for path in found)
        profiles = [profile for profile in read if profile.identity.is_program]
        return [profile for profile in profiles if name in (profile.key, profile.identity.model)]

    def _keys(self, machine: str) -> dict[str, Path]:
        """The folder of every profile of ``machine``, by key and in its order."""
        found: dict[str, Path] = {}
        for folder in reversed(self._folders(machine)):
            found.update({path.parent.name: path.parent for path in folder.glob("*/summary.json")})
        return dict(sorted(found.items()))

    def _folders(self, machine: str) -> list[Path]:
        """The folders that may hold profiles of ``machine``, the first of which takes
        precedence."""
        given = self._given.get(machine)
        if given and any(given.glob("*/summary.json")):
            return [given]
        if machine not in self._rekeyed:
            self._rekeyed.add(machine)
            rekey_machine(self.own / machine)
        return [self.own / machine, self.recorded / machine]


def _read_machine(path: Path) -> Machine:
    """The machine at ``path`` in a store; raises :class:`InputError` also if its name is not its
    folder's: its profiles would be looked for elsewhere."""
    machine = read_machine(path)
    if machine.name != path.parent.name:
        allowed = f"{path.parent.name!r}, its folder's name"
        raise InputError(path, "name", repr(machine.name), allowed)
    return machine


def _read(folder: Path, machine: str) -> ModelProfile:
    """The profile in ``folder``; raises :class:`InputError` also if it is of another identity than
    the folder's name, or of another machine."""
    try:
        profile = _as_it_is(folder, _stamp(folder))
    except InputError as error:
        remedy = f"remove {folder} and profile it again"
        allowed = error.allowed
        if error.key == "schema_version":
            allowed = allowed.partition(":")[0]
        if remedy not in allowed:
            allowed = f"{allowed}: {remedy}"
        raise InputError(error.where, error.key, error.found, allowed) from None
    if profile.key != folder.name:
        allowed = f"{folder.name}, as its folder is named: remove {folder} and profile it again"
        raise InputError(folder / "summary.json", "identity", f"that of {profile.key}", allowed)
    if profile.machine != machine:
        allowed = f"{machine}, among whose profiles it lies: remove {folder}"
        raise InputError(folder / "summary.json", "machine", profile.machine, allowed)
    return profile


def _summary_if_read(folder: Path) -> ModelProfile | None:
    """The summary in ``folder``; None if it is damaged."""
    try:
        return read_summary(folder)
    except InputError:
        return None


@cache
def _as_it_is(folder: Path, stamp: tuple[object, ...]) -> ModelProfile:
    """The profile in ``folder``, read and checked once for each ``stamp`` of its files."""
    return read_profile(folder)


def _stamp(folder: Path) -> tuple[object, ...]:
    """A stamp of the profile's files in ``folder`` that changes when one of them is written."""
    paths = map(folder.joinpath, ("summary.json", "operators.csv", "operators.csv.gz"))
    stats = [path.stat() for path in paths if path.exists()]
    return tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats)


def _imported(job: Job, machine: Machine) -> ModelProfile:
    """The profile that ``job`` names; raises :class:`InputError` if it has changed since."""
    profile = find_imported(job.profile)
    if content_hash(profile) != job.source:
        allowed = "the one that the workload was read with: read it again"
        raise InputError(f"imported profile {job.profile}", "", "another one by now", allowed)
    return simulated_profile(profile, job.identity, machine)
