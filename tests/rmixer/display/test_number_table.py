"""A table of numbers on terminals that are too narrow for it."""

from __future__ import annotations

import io

import pytest
from rich import box
from rich.console import Console

from rmixer.display.tables import NumberTable, WholeTable

COLUMNS = ("parameters", "gradients", "optimizer", "activations", "input", "tensors", "worker")
VALUES = ("62.9 MiB", "2.22 MiB", "126 MiB", "3.61 MiB", "66.0 KiB", "194 MiB", "521 MiB")


def drawn(width: int) -> list[str]:
    table = NumberTable(box=box.SIMPLE_HEAD)
    table.add_column("model", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row("mlperf_dlrm_dcnv2", *VALUES)
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    lines = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
    assert max(map(len, lines)) <= width
    return lines


def test_where_it_fits_it_is_as_ever() -> None:
    names, _, row = drawn(120)
    assert names.split() == ["model", *COLUMNS]
    assert row.split() == ["mlperf_dlrm_dcnv2", *" ".join(VALUES).split()]
    assert "  62.9 MiB" in row


def test_then_columns_move_together() -> None:
    names, _, row = drawn(92)
    assert names.split() == ["model", *COLUMNS]
    assert row.split() == ["mlperf_dlrm_dcnv2", *" ".join(VALUES).split()]


@pytest.mark.parametrize("width", [80, 70, 60])
def test_and_then_values_go_on_below_and_none_is_cut(width: int) -> None:
    lines = drawn(width)
    assert len(lines) > 3
    text = "".join(lines)
    assert "…" not in text
    for value in VALUES:
        assert text.count(value.split()[0]) == 1
    letters = sorted("".join(text.replace("─", "").split()))
    assert letters == sorted(
        "".join(("model", *COLUMNS, "mlperf_dlrm_dcnv2", *VALUES)).replace(" ", "")
    )


def test_no_name_is_broken_where_the_console_is_no_terminal() -> None:
    """An id may have 100 characters; a terminal may cut it, a file must not."""
    name, path = "j" * 100, "/a long/path of many words " * 8
    table = WholeTable(title="a title")
    table.add_column("job", no_wrap=True, overflow="ellipsis", max_width=28)
    table.add_column("where", overflow="fold")
    table.add_row(name, path)
    console = Console(width=100, soft_wrap=True, file=io.StringIO())
    with console.capture() as capture:
        console.print(table)
        console.print(f"{name} {path}")
    lines = [line for line in capture.get().splitlines() if name in line]
    assert [path.strip() in line for line in lines] == [True, True]
