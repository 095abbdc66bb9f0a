"""The transitions of a run's jobs, as the journal keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "opened",
    "warmed",
    "closed",
    "added",
    "submitted",
    "dispatched",
    "phase",
    "resumed",
    "checkpointed",
    "checkpoint_failed",
    "not_finite",
    "no_step_yet",
    "exchanged",
    "ended",
    "failed",
    "requeued",
    "cancelled",
]


@dataclass(frozen=True)
class Transition:
    """An event of ``job`` in its ``attempt`` (0 before its first), at ``at_s`` of the run's clock;
    of the run itself if ``job`` is empty. ``detail`` depends on ``kind``:

    | kind | detail |
    |---|---|
    | opened | ``process`` of the supervisor, ``plan`` of the run |
    | warmed | none: the workers are ready, the run's clock goes on |
    | closed | ``state``: done, failed or interrupted |
    | added | ``jobs``: each with its key and costs; ``late`` if the run had begun without them |
    | submitted | none |
    | dispatched | ``booking`` |
    | phase | ``phase`` |
    | resumed | ``steps`` of the attempts before, ``remarks`` on damaged checkpoints |
    | checkpointed | ``steps``, ``took_s`` |
    | checkpoint_failed | ``text`` |
    | not_finite | ``step``, ``text`` |
    | no_step_yet | ``text`` |
    | exchanged | ``taken_us`` |
    | ended | ``state`` (done, interrupted or cancelled), ``answer`` of the training |
    | failed | ``cause``, ``reason``, ``text``, ``again_s`` (when it is tried again; None: never),
    ``peaks`` (bytes by kind of device that it is known to need), ``answer`` as far as there is |
    | requeued | none |
    | cancelled | none |
    """

    kind: Kind
    at_s: float
    job: str = ""
    attempt: int = 0
    detail: Mapping[str, Any] = field(default_factory=dict)
