"""Turns the messages of a worker about its running job into events."""

from __future__ import annotations

from executor.workers.workers import (
    Checkpointed,
    CheckpointFailed,
    Event,
    LossWentBad,
    OutputLost,
    PhaseBegan,
    Place,
    Resumed,
    StepsMade,
)
from rmixer.training.process import Message


def event_of(place: Place, message: Message, to_ours_s: float) -> Event:
    """Returns ``message`` of the worker at ``place`` as an event; ``to_ours_s`` turns its clock
    into ours. Raises :class:`ValueError` for an unknown kind."""
    at_s = message["at"] + to_ours_s
    match message["kind"]:
        case "phase":
            return PhaseBegan(place, at_s, message["phase"])
        case "steps":
            ends_s = tuple(end_s + to_ours_s for end_s in message["ends"])
            return StepsMade(place, at_s, ends_s, message["loss"])
        case "resumed":
            return Resumed(place, at_s, message["steps"], tuple(message["remarks"]))
        case "checkpointed":
            return Checkpointed(place, at_s, message["steps"], message["took_s"])
        case "checkpoint_failed":
            return CheckpointFailed(place, at_s, message["text"])
        case "not_finite":
            return LossWentBad(place, at_s, message["step"], message["text"])
        case "output_lost":
            return OutputLost(place, at_s, message["text"])
    raise ValueError(f"a worker said {message['kind']!r}")
