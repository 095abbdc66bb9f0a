"""Keeps solved mixes on disk for the next command and for other processes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from rmixer.files.home import home
from rmixer.files.typed_files import content_hash
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.step_times import Mix
from sim.demand.contention import Background

FILE = "mixes.sqlite"
_SIMULATOR = Path(__file__).resolve().parents[1]
_ROOMS = ("demand", "operator_level")


@dataclass(frozen=True)
class Precision:
    """Precision of an average. ``half_width`` is the largest over members of half the 95% interval
    of the member's mean rate, as a fraction of it; 0 if nothing was averaged."""

    replications: int
    half_width: float


@dataclass(frozen=True)
class Solution:
    """Seconds of a unit of each member, and their precision."""

    units_s: tuple[float, ...]
    precision: Precision


class SolvedMixes:
    """Solutions of mixes, keyed by all that decides them: the profiles, the machine, the seed and
    the simulator's own code. A file that cannot be read or written costs time and nothing else."""

    def __init__(self, profiles: Mapping[str, ModelProfile], machine: Machine, seed: int) -> None:
        self._profiles = profiles
        self._given = content_hash([machine, seed, _code()])
        self._hashes: dict[str, str] = {}

    @cached_property
    def _database(self) -> sqlite3.Connection | None:
        with contextlib.suppress(OSError, sqlite3.Error):
            home().mkdir(parents=True, exist_ok=True)
            return _opened(home() / FILE)
        return None

    def find(self, mix: Mix, background: Background) -> Solution | None:
        """The solution of ``mix`` with ``background``; None if it was not solved before."""
        if (database := self._database) is None:
            return None
        with contextlib.suppress(sqlite3.Error, ValueError, TypeError):
            asked = "SELECT solution FROM mixes WHERE key = ?"
            row = database.execute(asked, (self._key(mix, background),)).fetchone()
            if row is not None:
                units_s, replications, half_width = json.loads(row[0])
                if len(units_s) == len(mix.members):
                    return Solution(tuple(units_s), Precision(replications, half_width))
        return None

    def keep(self, mix: Mix, background: Background, solution: Solution) -> None:
        """Remember ``solution``."""
        if (database := self._database) is None:
            return
        precision = solution.precision
        text = json.dumps([solution.units_s, precision.replications, precision.half_width])
        with contextlib.suppress(sqlite3.Error):
            put = "INSERT OR REPLACE INTO mixes VALUES (?, ?)"
            database.execute(put, (self._key(mix, background), text))

    def _key(self, mix: Mix, background: Background) -> str:
        profiles = [self._hash_of(member.identity) for member in mix.members]
        return content_hash([self._given, profiles, mix, background], 32)

    def _hash_of(self, identity: str) -> str:
        if identity not in self._hashes:
            profile = self._profiles[identity]
            told = repr((profile.steps, profile.operators)).encode()
            self._hashes[identity] = hashlib.blake2b(told, digest_size=16).hexdigest()
        return self._hashes[identity]


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _connected(path)
    except sqlite3.DatabaseError:  # damaged: what it held can be computed again
        path.unlink()
        return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=10.0, isolation_level=None)
    # Other processes read and write meanwhile; what a crash loses is computed again.
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = OFF")
    database.execute("CREATE TABLE IF NOT EXISTS mixes (key TEXT PRIMARY KEY, solution TEXT)")
    return database


@cache
def _code() -> str:
    """A hash of the simulator's files, so that another version of the model solves anew."""
    digest = hashlib.blake2b(digest_size=16)
    for room in _ROOMS:
        for path in sorted((_SIMULATOR / room).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
