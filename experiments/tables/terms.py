"""Explains, below a table, the terms that it uses. `docs/reference/terms.md` says more."""

from __future__ import annotations

from rich.text import Text

TERMS = {
    "busy alone": "the share of the device that the job uses by itself",
    "left out": "rounds in which the machine was disturbed",
    "far cores": "how much longer steps are because the host moves cores apart",
    "closure": "operators and gaps against the whole step; 0% is exact, beyond ±6% is disturbed",
    "slowed by": "how many times as long a step is while all other cores compute, or stream memory",
    "pressure": "how much it slows neighbours by memory traffic; 0: not, 1: like a stream",
}


def explained(*terms: str) -> Text:
    """A line for each of ``terms``, all of which are in :data:`TERMS`."""
    return Text("\n".join(f"{term}: {TERMS[term]}" for term in terms), style="dim")
