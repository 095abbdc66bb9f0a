"""Explains, below a table, the terms that it uses. `docs/reference/terms.md` says more."""

from __future__ import annotations

from rich.text import Text

TERMS = {
    "busy alone": "the share of the device that the job uses when it runs alone",
    "left out": "rounds that do not count, because the machine was disturbed",
    "far cores": "how much longer a step takes because the host moves its cores apart",
    "closure": "operators + gaps, compared with the step; 0% is exact, over ±6% is disturbed",
    "slowed by": "how many times as long a step takes while other cores compute, or stream memory",
    "pressure": "how much it slows others by memory traffic; 0: not at all, 1: like a stream",
}


def explained(*terms: str) -> Text:
    """A line for each of ``terms``, all of which are in :data:`TERMS`."""
    return Text("\n".join(f"{term}: {TERMS[term]}" for term in terms), style="dim")
