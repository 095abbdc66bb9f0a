"""The training steps of a program, from the events that the hook in it noted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rmixer.step_hook.sitecustomize import BACKWARD, BY_CALL, IN_BACKWARD, RECORD


@dataclass(frozen=True)
class StepEvent:
    """An optimizer did a step or, if ``called``, the program called ``rmixer.step()``, in process
    ``pid`` at ``at_s`` of the machine's monotonic clock. ``optimizer`` is the number of the
    optimizer and ``parameters`` of its parameters; 0 if unknown. ``backward`` is the number of the
    backward pass in which it stepped; 0 outside of one."""

    pid: int
    called: bool
    optimizer: int
    parameters: int
    at_s: float
    backward: int = 0


class StepEvents:
    """The events in a file that a program appends to while it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.read_bytes = 0
        """The number of bytes read from the file."""
        self._events: list[StepEvent] = []
        self.backward_passes = 0
        """The number of backward passes noted before an optimizer was seen."""

    def read(self) -> Sequence[StepEvent]:
        """The events so far, which are kept in memory."""
        self._events += self.fresh()
        return self._events

    def fresh(self) -> list[StepEvent]:
        """The events since the last call; an incomplete record is left for the next call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self.read_bytes)
                data = file.read()
        except FileNotFoundError:  # nothing has stepped yet
            return []
        whole = len(data) - len(data) % RECORD.size
        self.read_bytes += whole
        found: list[StepEvent] = []
        for pid, kind, optimizer, told, at_s in RECORD.iter_unpack(data[:whole]):
            within = told if kind == IN_BACKWARD else 0
            if kind == BACKWARD:
                self.backward_passes += 1
            else:
                parameters = 0 if within else told
                found.append(StepEvent(pid, kind == BY_CALL, optimizer, parameters, at_s, within))
        return found


def step_ends(events: Iterable[StepEvent], ended: bool = False) -> list[float]:
    """The end of each training step of a program, in seconds.

    1. If the program calls ``rmixer.step()``, only these calls are steps.
    2. Otherwise a step is a *round* of its optimizers: it ends with the last optimizer that steps
       before one of them steps again. Two optimizers in turn do one step together; a critic
       that is trained five times for each time of its generator does five. The present round
       counts once it has as many optimizers as the one before, or the program has ``ended``. An
       optimizer
       continues one that never steps again, as if both were one, if both have the same
       parameters, or each of them does two steps or more. All that step within one backward pass
       are one optimizer, and so are those of passes that have an optimizer in common.
    3. If several processes step, the one with most of these events counts, the first
       of equals: data parallel processes do the same steps together.
    """
    found = list(events)
    said = [event for event in found if event.called]
    found = said or found
    if not found:
        return []
    (pid, _), *_ = Counter(event.pid for event in found).most_common(1)
    mine = [event for event in found if event.pid == pid]
    return [event.at_s for event in mine] if said else rounds(mine, ended)


def rounds(events: Sequence[StepEvent], ended: bool = False) -> list[float]:
    """The end of each round of the optimizers of one process, from its ``events`` in order, the
    present one included if it has ``ended``."""
    events = _by_pass(events)
    first_of = _continued(events)
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
    return [*ends, last_s] if ended or len(stepped) >= before else ends


def _by_pass(events: Sequence[StepEvent]) -> Sequence[StepEvent]:
    """``events`` with only the last of those within one backward pass."""
    passes: dict[int, list[StepEvent]] = defaultdict(list)
    for event in events:
        if event.backward:
            passes[event.backward].append(event)
    if not passes:
        return events
    alike: dict[int, int] = {}
    """By optimizer another one of the same passes; such chains end at one that points to itself."""

    def first(optimizer: int) -> int:
        while alike.setdefault(optimizer, optimizer) != optimizer:
            optimizer = alike[optimizer]
        return optimizer

    for within in passes.values():
        for event in within[1:]:
            alike[first(event.optimizer)] = first(within[0].optimizer)
    last = [
        replace(within[-1], optimizer=-1 - first(within[0].optimizer)) for within in passes.values()
    ]
    outside = [event for event in events if not event.backward]
    return sorted([*outside, *last], key=lambda event: event.at_s)


def _continued(events: Sequence[StepEvent]) -> dict[int, int]:
    """By optimizer, the first of the chain of optimizers that it continues; itself if it continues
    none. If several ended before it began, it continues the one that ended first."""
    began: dict[int, int] = {}
    ended: dict[int, int] = {}
    for place, event in enumerate(events):
        began.setdefault(event.optimizer, place)
        ended[event.optimizer] = place
    steps = Counter(event.optimizer for event in events)
    alike: dict[int, list[int]] = defaultdict(list)
    longer: list[int] = []
    first_of: dict[int, int] = {}
    for optimizer, place in began.items():
        mine = alike[events[place].parameters] if events[place].parameters else []
        older = _first_ended(mine, ended, place)
        if older is None and steps[optimizer] > 1:
            older = _first_ended(longer, ended, place)
        first_of[optimizer] = optimizer if older is None else first_of[older]
        if older is not None:
            alike[events[began[older]].parameters].remove(older)
            if steps[older] > 1:
                longer.remove(older)
        alike[events[place].parameters].append(optimizer)
        if steps[optimizer] > 1:
            longer.append(optimizer)
    return first_of


def _first_ended(optimizers: Sequence[int], ended: Mapping[int, int], before: int) -> int | None:
    found = [each for each in optimizers if ended[each] < before]
    return min(found, key=ended.__getitem__, default=None)
