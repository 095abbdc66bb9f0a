"""The parts of a check: each runs within the remaining time and leaves a result."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from profiles.machines.gpu_meter import driver_version
from rmixer.errors import RunFailed
from rmixer.files.typed_files import write_json, write_text
from rmixer.hardware.fingerprint import take_fingerprint
from rmixer.hardware.machine import Machine

State = Literal["verified", "went through", "failed", "not verified"]
WENT_THROUGH: State = "went through"
"""The state of a part that ran on stand-ins for a GPU and so verifies nothing."""
PACKAGES = ("numpy", "scipy", "simpy", "click", "pydantic", "PyYAML", "psutil", "rich", "numba")
"""Packages whose versions decide a check's figures."""
HEADINGS: Mapping[State, str] = {
    "verified": "Verified",
    "went through": "Went through, on stand-ins: nothing of it is verified on a GPU",
}


class NotVerified(RunFailed):
    """A part could not decide: something it needs is missing, or its observation proves nothing."""


@dataclass(frozen=True)
class Outcome:
    """The result of the part ``name`` after ``seconds``: ``told`` is the observation, or the reason
    why there is none."""

    name: str
    state: State
    told: str
    seconds: float


class Parts:
    """Runs parts one after the other for at most ``budget_s`` in all. A failed part does not stop
    the others; a successful one has the state ``well``. The results so far are written to
    ``folder`` after each: ``verified.json`` and ``verified.txt``, under ``title``, with
    ``versions``."""

    def __init__(self, folder: Path, budget_s: float, title: str, well: State = "verified") -> None:
        self.folder, self._budget_s, self._title, self._well = folder, budget_s, title, well
        self._begin_s = time.monotonic()
        self.outcomes: list[Outcome] = []
        self.versions: Mapping[str, str] = {}

    @property
    def left_s(self) -> float:
        """The remaining time."""
        return self._budget_s - (time.monotonic() - self._begin_s)

    def do(self, name: str, about_s: float, part: Callable[[], str]) -> None:
        """Runs ``part``, which takes ``about_s`` and returns its observation, unless the remaining
        time is too short. A part of 0 s always runs."""
        begin_s, state = time.monotonic(), self._well
        if about_s and self.left_s < about_s:
            state = "not verified"
            told = f"left out: it takes about {about_s:.0f} s, of the time {self._left} are left"
        else:
            click.echo(f"{name} (about {about_s:.0f} s, {self._left} left)")
            try:
                told = part()
            except NotVerified as reason:
                state, told = "not verified", str(reason)
            except Exception as error:
                state, told = "failed", self._failure(name, error)
        self.outcomes.append(Outcome(name, state, told, round(time.monotonic() - begin_s, 1)))
        click.echo(f"  {state}: {told}")
        self.write()

    @property
    def failed(self) -> bool:
        """True if a part has failed."""
        return any(each.state == "failed" for each in self.outcomes)

    @property
    def text(self) -> str:
        """The verified parts, with versions, and those that were not."""
        took = f"{time.monotonic() - self._begin_s:.0f} s of {self._budget_s:.0f} s"
        lines = [self._title, f"took {took}", ""]
        lines += [f"{name}: {value}" for name, value in self.versions.items()]
        titles: dict[State, str] = {
            self._well: HEADINGS[self._well],
            "failed": "Failed",
            "not verified": "Not verified",
        }
        for state, title in titles.items():
            found = [each for each in self.outcomes if each.state == state]
            lines += ["", f"{title}:" if found else f"{title}: nothing"]
            lines += [f"- {each.name}: {each.told}" for each in found]
        return "\n".join(lines) + "\n"

    @property
    def _left(self) -> str:
        return f"{max(0.0, self.left_s):.0f} s"

    def _failure(self, name: str, error: Exception) -> str:
        """Writes the traceback to a file and returns the reason in a line."""
        place = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        text = "".join(traceback.format_exception(error))
        write_text(self.folder / "failures" / f"{place}.txt", text)
        reason = (
            error.reason if isinstance(error, RunFailed) else f"{type(error).__name__}: {error}"
        )
        return f"{reason} (failures/{place}.txt)"

    def write(self) -> None:
        """Writes the results so far."""
        whole = {
            "title": self._title,
            "budget_s": self._budget_s,
            "took_s": round(time.monotonic() - self._begin_s, 1),
            "versions": dict(self.versions),
            "parts": self.outcomes,
        }
        write_json(self.folder / "verified.json", whole)
        write_text(self.folder / "verified.txt", self.text)


def versions_of(machine: Machine | None) -> dict[str, str]:
    """Versions by name of everything installed; the hardware once it is known."""
    import torch

    here = take_fingerprint("" if machine is None else machine.fingerprint.hardware)
    found = {
        "hardware": here.hardware or "not known",
        "system": here.system,
        "driver": driver_version() or "none",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda or "none",
        "cudnn": str(torch.backends.cudnn.version() or "none"),
        "rmixer": f"{here.rmixer}, commit {here.commit or 'unknown'}",
    }
    return found | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"
