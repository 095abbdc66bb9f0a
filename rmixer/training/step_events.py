"""The training steps of a program, from what the hook in it noted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rmixer.step_hook.sitecustomize import BY_CALL, RECORD


@dataclass(frozen=True)
class StepEvent:
    """An optimizer made a step, or (``called``) the program said ``rmixer.step()``, in process
    ``pid`` at ``at_s`` of the machine's monotonic clock. ``optimizer`` tells optimizers apart, and
    ``parameter`` their first parameters; 0 where that is not known."""

    pid: int
    called: bool
    optimizer: int
    parameter: int
    at_s: float


class StepEvents:
    """The events in a file that a program appends to while it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0
        self._events: list[StepEvent] = []

    def read(self) -> Sequence[StepEvent]:
        """All events so far; a record that is not whole yet is left for the next time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_bytes)
                data = file.read()
        except FileNotFoundError:  # nothing has stepped yet
            return self._events
        whole = len(data) - len(data) % RECORD.size
        self._read_bytes += whole
        for pid, kind, optimizer, parameter, at_s in RECORD.iter_unpack(data[:whole]):
            self._events.append(StepEvent(pid, kind == BY_CALL, optimizer, parameter, at_s))
        return self._events


def step_ends(events: Iterable[StepEvent]) -> list[float]:
    """When each training step of a program ended, in seconds.

    1. Where the program says ``rmixer.step()`` its calls alone are steps.
    2. Otherwise a step is a *round* of its optimizers: it ends with the last optimizer that steps
       before one of them steps again. Two optimizers in turn make one step together, a critic
       that is trained five times for each time of its generator makes five. The round that is
       under way counts once it has as many optimizers as the one before. An optimizer that
       begins with the parameter of another one, which never steps again, is the same made anew.
    3. Of several processes that step, the one with most of these events counts, the first
       of equals: data parallel processes make the same steps together.
    """
    found = list(events)
    said = [event for event in found if event.called]
    found = said or found
    if not found:
        return []
    (pid, _), *_ = Counter(event.pid for event in found).most_common(1)
    mine = [event for event in found if event.pid == pid]
    return [event.at_s for event in mine] if said else _rounds(mine)


def _rounds(events: Sequence[StepEvent]) -> list[float]:
    first_of = _made_anew(events)
    ends: list[float] = []
    stepped: set[int] = set()
    before, last_s = 0, 0.0
    for event in events:
        optimizer = first_of[event.optimizer]
        if optimizer in stepped:
            ends.append(last_s)
            before, stepped = len(stepped), set()
        stepped.add(optimizer)
        last_s = event.at_s
    return [*ends, last_s] if len(stepped) >= before else ends


def _made_anew(events: Sequence[StepEvent]) -> dict[int, int]:
    """By optimizer, the first one that it continues: itself, if it continues none."""
    last = {event.optimizer: place for place, event in enumerate(events)}
    first_of: dict[int, int] = {}
    latest: dict[int, int] = {}
    for place, event in enumerate(events):
        if event.optimizer in first_of:
            continue
        older = latest.get(event.parameter, event.optimizer) if event.parameter else event.optimizer
        continues = last[older] < place
        first_of[event.optimizer] = first_of[older] if continues else event.optimizer
        latest[event.parameter] = event.optimizer
    return first_of
