"""Tables of prepared data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.markup import escape

from rmixer.data.preparation import Count, Preparation, Prepared
from rmixer.data.registry import DataSetEntry
from rmixer.display.tables import WholeTable


def preparation_table(found: Preparation, folder: Path) -> RenderableType:
    """A table of the contents of the raw files, compared with known figures of the public ones."""
    title = f"{found.name} from {escape(found.data)}"
    facts = WholeTable(title, show_header=False, padding=(0, 1, 0, 0)).words("").folded("")
    facts.add_row("samples", f"{found.rows:,}, {found.train_rows:,} of them for training")
    if found.sources:
        facts.add_row("lines", f"{found.lines:,} in {found.bytes_read / 1e6:,.1f} MB")
        facts.add_row("malformed", _malformed(found))
    facts.add_row("folder", escape(str(folder)))
    if not found.counts:
        return facts
    counts = _table("Counts", "≈: estimated from the rows that hashing used")
    counts.numbers("found", "known", "difference")
    for count in found.counts:
        counts.add_row(escape(count.name), *_compared(count))
    return Group(facts, counts)


def prepared_table(prepared: Iterable[Prepared], place: Path) -> WholeTable:
    """A table of the prepared data in ``place``."""
    table = _table("Prepared data", f"in {place}; a folder that is not needed may be removed")
    table.folded("from").numbers("samples", "on disk").words("made").folded("folder")
    for found in prepared:
        report, folder = found.preparation, Path(found.folder).name
        size = f"{found.size_bytes / 1e6:,.1f} MB"
        if report is None:
            name = folder.lstrip(".").rpartition("-")[0]
            table.add_row(escape(name), found.state, "", size, "", escape(folder))
        else:
            made = report.finished[:16].replace("T", " ")
            row = (report.name, report.data, f"{report.rows:,}", size, made, folder)
            table.add_row(*map(escape, row))
    return table


def datasets_table(entries: Iterable[DataSetEntry]) -> WholeTable:
    """A table of the data sets that can be prepared."""
    table = _table("Data sets", "rmixer data prepare NAME PATH, or NAME synthetic")
    table.add_column("what")
    table.folded("raw files")
    for entry in entries:
        table.add_row(entry.name, escape(entry.title), escape(entry.source))
    return table


def _table(title: str, caption: str) -> WholeTable:
    return WholeTable(title, caption=caption, padding=(0, 1, 0, 0)).words("name")


def _malformed(found: Preparation) -> str:
    if not found.malformed:
        return "none"
    lines = "\n".join(
        f"{escape(Path(line.file).name)} line {line.line}: {escape(line.what)}"
        for line in found.first_malformed
    )
    more = "\n…" if found.malformed > len(found.first_malformed) else ""
    return f"{found.malformed:,} ({found.malformed / found.lines:.4%})\n{lines}{more}"


def _compared(count: Count) -> tuple[str, str, str]:
    found = f"{'≈ ' if count.about else ''}{count.found:,}"
    if count.known is None:
        return found, "", ""
    difference = count.found - count.known
    return found, f"{count.known:,}", f"{difference:+,}" if difference else "0"
