"""The origin of a number: hardware, software and code, recorded with every profile and run."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import rmixer
from rmixer.files.strict import Strict
from rmixer.files.typed_files import content_hash
from rmixer.hardware.core_lock import sharing


@dataclass(frozen=True)
class Fingerprint(Strict):
    """``hardware`` names the processor, its usable cores and the GPUs. ``commit`` is recorded,
    never compared. ``training`` is the environment of every training process. ``shared_with`` names
    other runs that used the same cores at that time."""

    hardware: str
    system: str
    driver: str
    python: str
    torch: str
    rmixer: str
    commit: str
    training: str
    shared_with: tuple[str, ...] = ()

    @property
    def hardware_id(self) -> str:
        """Eight hexadecimal digits that two runs on the same hardware share."""
        return content_hash(self.hardware, 8)


NOT_KNOWN = Fingerprint("not known", *("",) * 7)


def take_fingerprint(hardware: str, driver: str = "") -> Fingerprint:
    """The fingerprint of this process's software on ``hardware``."""
    return Fingerprint(
        hardware=hardware,
        system=f"{platform.system()} {platform.release()}",
        driver=driver,
        python=platform.python_version(),
        torch=_version("torch"),
        rmixer=rmixer.__version__,
        commit=_commit(),
        training="affinity and threads set before torch; passive waiting on shared cores only",
        shared_with=sharing(),
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


@cache
def _commit() -> str:
    folder = Path(rmixer.__file__).resolve().parent
    try:
        command = ["git", "-C", str(folder), "rev-parse", "--show-prefix", "--short=12", "HEAD"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    prefix, _, commit = done.stdout.partition("\n")
    # Installed inside somebody else's repository, it is their commit, not ours.
    return commit.strip() if done.returncode == 0 and prefix == "rmixer/" else ""
