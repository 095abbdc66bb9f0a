"""``trace.json``: timelines as a Chrome trace, which opens in Perfetto and chrome://tracing.

Written to the Trace Event Format: complete events (``"ph": "X"``, microseconds) on one process a
run and one thread a slot, named and put in order by metadata events (``"ph": "M"``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rmixer.files.typed_files import write_text
from rmixer.run_record.timeline import Interval, Timeline

Event = dict[str, Any]
Track = tuple[int, str, int, str]
_ROUNDING_NS = 2
_SLOTS, _OPERATORS, _QUEUE = 0, 1, 2


def to_trace(timelines: Mapping[str, Timeline]) -> dict[str, Any]:
    """The trace of runs by name (``predicted``, ``measured``), in the order of the mapping.

    Each run is a process that starts at time 0, each slot of a device a thread. Operators have a
    thread a lane; jobs that wait are stacked on a thread below, as deep as the queue is long.
    Events that overlap on a thread without nesting, which viewers cannot draw, go to a further
    thread of the same name. The same timelines give the same trace.
    """
    events: list[Event] = []
    for pid, (run, timeline) in enumerate(timelines.items(), start=1):
        events += _process(pid, run, timeline)
    events.sort(key=_order)
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def write_trace(path: Path, timelines: Mapping[str, Timeline]) -> None:
    """Writes ``trace.json`` all or nothing, an event a line."""
    trace = to_trace(timelines)
    lines = ",\n".join(json.dumps(event, allow_nan=False) for event in trace["traceEvents"])
    unit = json.dumps(trace["displayTimeUnit"])
    write_text(path, f'{{"displayTimeUnit": {unit}, "traceEvents": [\n{lines}\n]}}\n')


def _process(pid: int, run: str, timeline: Timeline) -> list[Event]:
    tracks: dict[Track, list[Interval]] = {}
    for interval in timeline:
        tracks.setdefault(_track(interval), []).append(interval)
    events = [_metadata(pid, 0, "process_name", {"name": run})]
    events.append(_metadata(pid, 0, "process_sort_index", {"sort_index": pid}))
    tid = 0
    for track in sorted(tracks):
        for row in _rows(tracks[track]):
            tid += 1
            events.append(_metadata(pid, tid, "thread_name", {"name": _track_name(track)}))
            events.append(_metadata(pid, tid, "thread_sort_index", {"sort_index": tid}))
            events += (_complete(pid, tid, *placed) for placed in row.placed)
    return events


def _track(interval: Interval) -> Track:
    if interval.kind == "queued":
        return (_QUEUE, "", 0, "")
    if interval.kind == "operator":
        return (_OPERATORS, interval.device, interval.slot, interval.lane)
    return (_SLOTS, interval.device, interval.slot, "")


def _track_name(track: Track) -> str:
    group, device, slot, lane = track
    if group == _QUEUE:
        return "waiting"
    name = f"{device} slot {slot}"
    return f"{name} {lane} operators" if group == _OPERATORS else name


class _Row:
    """Events of one thread: any two of them are disjoint or nested."""

    def __init__(self) -> None:
        self.placed: list[tuple[int, int, Interval]] = []
        self._ends: list[int] = []

    def take(self, interval: Interval) -> bool:
        """Places the interval, whose start is no earlier than any before it, and returns True if it
        has room here. If it begins before another's end only because times in files are rounded, it
        is moved to that end."""
        start, end = _ns(interval.start_s), _ns(interval.end_s)
        while self._ends and self._ends[-1] <= start + _ROUNDING_NS:
            start = max(start, self._ends.pop())
        end = max(start, end)
        if self._ends and end > self._ends[-1]:
            return False
        self.placed.append((start, end, interval))
        self._ends.append(end)
        return True


def _rows(intervals: Iterable[Interval]) -> list[_Row]:
    """Splits intervals into as many rows as they need, each in the first that has room."""
    rows: list[_Row] = []
    for interval in sorted(intervals, key=lambda i: (_ns(i.start_s), -_ns(i.end_s))):
        if not any(row.take(interval) for row in rows):
            rows.append(_Row())
            rows[-1].take(interval)
    return rows


def _complete(pid: int, tid: int, start: int, end: int, interval: Interval) -> Event:
    args: dict[str, Any] = {"job": interval.job, "attempt": interval.attempt}
    if interval.steps > 0:
        args["steps"] = round(interval.steps, 3)
        args["ms_per_step"] = round(interval.duration_s * 1e3 / interval.steps, 6)
    text = interval.job or interval.name
    if interval.kind == "operator":
        text = interval.name
    elif interval.kind != "train":
        text = f"{text}: {interval.kind}"
    return {
        "name": text,
        "cat": interval.kind,
        "ph": "X",
        "ts": start / 1e3,
        "dur": (end - start) / 1e3,
        "pid": pid,
        "tid": tid,
        "args": {**args, "what": interval.name},
    }


def _metadata(pid: int, tid: int, name: str, args: Event) -> Event:
    return {"name": name, "ph": "M", "ts": 0, "pid": pid, "tid": tid, "args": args}


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


def _order(event: Event) -> tuple[bool, int, int, float, float]:
    """The sort key: metadata first; then by process and thread, in time, outer events before inner
    ones."""
    is_event = event["ph"] != "M"
    return (is_event, event["pid"], event["tid"], event["ts"], -event.get("dur", 0.0))
