"""The Chrome trace of PyTorch's profiler (``export_chrome_trace``), gzip or not."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from profiles.traces.damaged_json import (
    as_text,
    ends_early,
    is_text,
    mended_event,
    printable,
    read_listed,
    with_whole_escapes,
)
from profiles.traces.event_tree import MODULE
from profiles.traces.trace_events import (
    CATEGORIES,
    DEVICE_WORK,
    OPERATOR,
    PYTHON,
    Arguments,
    TraceEvent,
    is_of_other_devices,
    recorded_arguments,
    today,
)
from rmixer.errors import InputError
from rmixer.files.typed_files import shown

NO_CATEGORY = "(none)"
_GZIP = b"\x1f\x8b"
_WHAT = "a Chrome trace that PyTorch's profiler has written"


@dataclass(frozen=True)
class ChromeTrace:
    """The events in the order of their start. ``hardware`` names the GPUs and ``driver`` the
    version of their driver, if the trace says so; ``hash`` is of the file. ``other_devices`` counts
    by category events that are not read, and ``untimed`` device work at time 0 and without length,
    which is not among the events."""

    path: Path
    hash: str
    events: tuple[TraceEvent, ...]
    hardware: str | None
    driver: str | None
    other_devices: dict[str, int]
    untimed: int


def read_chrome_trace(path: Path) -> ChromeTrace:
    """Reads the trace at ``path``; raises :class:`InputError` if it is truncated, is not the
    profiler's, or holds an impossible time. Times are microseconds in the file, to the nanosecond,
    and stay exact."""
    content = _content(path)
    hash_of_file = hashlib.blake2b(content, digest_size=8).hexdigest()
    try:
        text = with_whole_escapes(as_text(content))
    except UnicodeDecodeError:
        raise InputError(path, "", "bytes that are not text", _WHAT) from None
    del content  # as large
    events = _Events(path)
    data = _parsed(path, text, events.add)
    listed = data.get("traceEvents") if isinstance(data, dict) else data
    if not isinstance(listed, list):
        raise InputError(path, "traceEvents", shown(listed), f"a list of events: {_WHAT}")
    found = sorted(events.found, key=lambda event: (event.start_ns, -event.duration_ns))
    if not any(event.category in (OPERATOR, *DEVICE_WORK) for event in found):
        names = ", ".join(sorted(events.categories))
        text = f"events of the categories {names}" if names else "no operators"
        raise InputError(path, "traceEvents", text, f"{OPERATOR} or kernel among them: {_WHAT}")
    top = data if isinstance(data, dict) else {}
    return ChromeTrace(
        path=path,
        hash=hash_of_file,
        events=tuple(found),
        hardware=_hardware(top.get("deviceProperties")),
        driver=printable(str(top["cuda_driver_version"])) if "cuda_driver_version" in top else None,
        other_devices=dict(events.other_devices),
        untimed=events.untimed,
    )


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(path, "", "no such file", _WHAT) from None
    except IsADirectoryError:
        raise InputError(path, "", "a folder", _WHAT) from None
    except OSError as error:
        raise InputError(path, "", error.strerror, _WHAT) from None
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        found = f"a damaged gzip file ({error}; it may be truncated)"
        raise InputError(path, "", found, _WHAT) from None


def _parsed(path: Path, text: str, take: Callable[[Any], None]) -> Any:
    """The document without its events, which are passed to ``take``."""
    # As decimal numbers: microseconds since 1970 have no room for nanoseconds in a float. What
    # is not finite is told where it matters, with its event.
    decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=Decimal, strict=False)

    def mend(text: str, at: int) -> tuple[Any, int] | None:
        return mended_event(text, at, _is_needed, decoder)

    try:
        return read_listed(text, "traceEvents", take, decoder, mend)
    except json.JSONDecodeError as error:
        if ends_early(text, error):
            found = f"{error.msg} (the file may be truncated)"
        else:
            found = error.msg if is_text(text) else "bytes that are not text"
        raise InputError(path, f"line {error.lineno}", found, _WHAT) from None
    except RecursionError:
        raise InputError(path, "", "lists within lists without end", _WHAT) from None
    except InputError:
        raise
    except (ValueError, ArithmeticError):
        raise InputError(path, "", "a number that is too long to be read", _WHAT) from None


def _is_needed(category: str, text: str) -> bool:
    """True if an event with that ``category`` and ``text`` somewhere in it is needed: of Python's
    events only the calls of modules are."""
    is_module = today(category) != PYTHON or f'"{MODULE}' in text
    return today(category) in CATEGORIES and is_module


class _Events:
    """The needed events, ``found`` among all that are added, and the ``categories`` of all. Names
    and shapes repeat in every step, and are stored once."""

    def __init__(self, path: Path) -> None:
        self.found: list[TraceEvent] = []
        self.categories: set[str] = set()
        self.other_devices: Counter[str] = Counter()
        self.untimed = 0
        self._path, self._added = path, 0
        self._arguments: dict[Arguments, Arguments] = {}

    def add(self, item: Any) -> None:
        """Adds the next event, as parsed from JSON. Raises :class:`InputError`."""
        self._added += 1
        if not isinstance(item, dict):
            raise self._wrong("", item, "an event")
        category = item.get("cat", "")
        if not isinstance(category, str):
            raise self._wrong(".cat", category, "the name of a category")
        named = printable(category) or NO_CATEGORY
        if "cat" in item or item.get("ph") == "X":
            self.categories.add(named)
        category, kind = today(category), item.get("ph")
        if category not in CATEGORIES:
            if kind == "X" and is_of_other_devices(category):
                self.other_devices[named] += 1
        elif kind in ("B", "E"):
            raise self._wrong(".ph", kind, f"X, an event with its duration: {_WHAT}")
        elif kind == "X":
            event = self._event(category, item)
            if category in DEVICE_WORK and not event.start_ns and not event.duration_ns:
                self.untimed += 1
            else:
                self.found.append(event)

    def _event(self, category: str, item: dict[str, Any]) -> TraceEvent:
        name, given, on_device = item.get("name"), item.get("args", {}), category in DEVICE_WORK
        if not isinstance(name, str):
            raise self._wrong(".name", name, "the name of an event")
        if not isinstance(given, dict):
            raise self._wrong(".args", given, "a mapping of keys to values")
        if (on_device or category == OPERATOR) and not is_text(name):
            raise InputError(self._path, self._where(".name"), ascii(name), "text")
        name = printable(name)
        for key in ("pid", "tid"):
            if key not in item:
                where = self._where(f".{key} ({name})")
                raise InputError(self._path, where, "nothing", "where it ran")
        arguments = recorded_arguments(given, self._wrong)
        # The second way to write it is that of 2021.
        external = "External id" if "External id" in given else "external id"
        device = self._whole(given, "device", 0) if on_device else -1
        if on_device and device < 0:
            raise self._wrong(".args.device", device, "a whole number >= 0")
        return TraceEvent(
            name=sys.intern(name),
            category=sys.intern(category),
            start_ns=self._nanoseconds(f".ts ({name})", item.get("ts")),
            duration_ns=self._nanoseconds(f".dur ({name})", item.get("dur")),
            thread=sys.intern(f"{item['pid']}/{item['tid']}"),
            correlation=self._whole(given, "correlation", -1),
            external=self._whole(given, external, -1),
            sequence=self._whole(given, "Sequence number", -1),
            forward_thread=self._whole(given, "Fwd thread id", 0),
            arguments=self._arguments.setdefault(arguments, arguments),
            device=device,
        )

    def _nanoseconds(self, key: str, value: Any) -> int:
        """A time in microseconds as whole nanoseconds."""
        usable = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if not usable or not math.isfinite(value) or value < 0 or value >= 10**18:
            found = "nothing" if value is None else str(value) if usable else shown(value)
            allowed = "a number of microseconds >= 0"
            raise InputError(self._path, self._where(key), found, allowed)
        exact: int = round(value * 1000)
        return exact

    def _whole(self, given: dict[str, Any], key: str, absent: int) -> int:
        value = given.get(key, absent)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(f".args.{key}", value, "a whole number")
        return value

    def _wrong(self, key: str, value: Any, allowed: str) -> InputError:
        return InputError(self._path, self._where(key), shown(value), allowed)

    def _where(self, key: str) -> str:
        return f"traceEvents.{self._added - 1}{key}"


def _hardware(devices: Any) -> str | None:
    if not isinstance(devices, list):
        return None
    names = [
        printable(str(each["name"]))
        for each in devices
        if isinstance(each, dict) and "name" in each
    ]
    return ", ".join(names) or None
