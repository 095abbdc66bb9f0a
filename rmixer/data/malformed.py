"""Limits on malformed lines and their count; fields that lines lack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from rmixer.data.kept_blocks import SHOWN_LINES, BlockFacts
from rmixer.errors import InputError

MOSTLY, FEWEST = 0.5, 20
"""The share of lines without a field from which on it is told; and so many lines, each without a
field that most lines of the public files are without too, are no accident."""
_LINES_FOR_A_SHARE = 10_000
"""Before this many lines a share means little; at the end of the file it always counts."""


@dataclass(frozen=True)
class Limits:
    """``share`` of a file's lines that may be malformed; with ``strict`` none may."""

    share: float = 0.001
    strict: bool = False


@dataclass(frozen=True)
class MalformedLine:
    """A line of a raw file that gave no sample, and its error."""

    file: str
    line: int
    what: str


class LineCount:
    """Counts the lines of ``path`` as they are read in order; raises :class:`InputError` as soon as
    the malformed ones exceed ``limits``. The public files' lines often lack the fields
    ``often_missing``."""

    def __init__(
        self, path: Path, limits: Limits, often_missing: Container[str] = frozenset()
    ) -> None:
        self.path, self._limits, self._often_missing = path, limits, often_missing
        self.lines = self.malformed = 0
        self.missing: Counter[str] = Counter()
        self.first: list[MalformedLine] = []
        self._skipped = 0

    def add(self, facts: BlockFacts) -> None:
        """Counts the next block's lines."""
        for place, what in facts.first_malformed:
            if len(self.first) < SHOWN_LINES:
                number = self.lines + self._skipped + place + 1
                self.first.append(MalformedLine(str(self.path), number, what))
        self.lines += facts.lines - facts.skipped
        self._skipped += facts.skipped
        self.malformed += facts.malformed
        self.missing.update(dict(facts.missing))
        if self._limits.strict or self.lines >= _LINES_FOR_A_SHARE:
            self._check(f"the first {self.lines:,} lines")

    def end(self) -> None:
        """Checks after the last block: now even a small share of few lines may be too many. Raises
        :class:`InputError` for a file without lines and for a field that all lines lack."""
        if not self.lines + self._skipped:
            raise InputError(self.path, "", "an empty file", "a file with lines")
        self._check(f"{self.lines:,} lines")
        good = self.lines - self.malformed
        for name, share in self.mostly_missing():
            if share == 1.0 and (good >= FEWEST or name not in self._often_missing):
                found = f"missing in every line ({good:,} lines)"
                raise InputError(self.path, name, found, "a field that lines have")

    def mostly_missing(self) -> list[tuple[str, float]]:
        """The fields that most good lines lack, each with that share."""
        good = self.lines - self.malformed
        return [(name, n / good) for name, n in self.missing.items() if n > MOSTLY * good]

    def _check(self, of: str) -> None:
        check_malformed(self._limits, self.malformed, self.lines, self.first, of)


def check_malformed(
    limits: Limits, malformed: int, lines: int, first: list[MalformedLine], of: str
) -> None:
    """Raises :class:`InputError`, naming the first of them, if ``limits`` are exceeded."""
    if not malformed or (not limits.strict and malformed <= limits.share * lines):
        return
    line = first[0]
    if limits.strict:
        raise InputError(line.file, f"line {line.line}", line.what, "a well-formed line (--strict)")
    others = ", ".join(str(other.line) for other in first[1:])
    also = f"; also lines {others}{', …' if malformed > len(first) else ''}" if others else ""
    found = f"{line.what} ({malformed:,} of {of} malformed, {malformed / lines:.2%}{also})"
    allowed = f"at most {limits.share:.4g} of all lines malformed (--max-malformed)"
    raise InputError(line.file, f"line {line.line}", found, allowed)
