"""``rmixer machine``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.box import HEAVY_HEAD
from rich.table import Table

from rmixer.cli.bars import bar
from rmixer.cli.console import console, print_json, report
from rmixer.cli.locks import core_lock
from rmixer.display.tables import WholeTable
from rmixer.errors import InputError
from rmixer.files.home import check_home
from rmixer.files.typed_files import Name, parse, write_yaml
from rmixer.files.writable import check_writable
from rmixer.hardware.machine import Machine

if TYPE_CHECKING:
    from profiles.stored.store import Store


@click.command()
@click.option("--name", help="Name for the machine. Default: made from its hardware.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write machine.yaml here.")
@click.option("--again", is_flag=True, help="Measure it again, even if it is known.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str | None, out: Path | None, again: bool, as_json: bool) -> None:
    """Measure this machine, as far as this process may use it, and show it."""
    from profiles.machines.measure_machine import measure_machine
    from profiles.stored.store import Store

    store = Store(bar=bar)
    if out is not None:
        if out.is_dir():
            raise InputError("--out", "", f"the folder {out}", "a file to write to")
        check_writable("--out", out.resolve().parent)
    if name is not None:
        _check_name(name, store)
    if again or name:
        check_home()
        with core_lock(share=False) as lock:
            lock.take()
            with bar("measuring the machine") as progress:
                machine = measure_machine(name, report, progress)
        kept = store.save_machine(machine)
    else:
        machine = store.this_machine(report)
        kept = store.machines()[machine.name] / "machine.yaml"
    if out is not None:
        write_yaml(out, machine)
    if as_json:
        print_json(machine)
        return
    console().print(machine_table(machine))
    console().print(f"kept in {kept}", soft_wrap=True)


def _check_name(name: str, store: Store) -> None:
    """Raises :class:`InputError` for an invalid folder name, and for a recorded machine's name: its
    profiles would be taken for those of this one."""
    parse(name, Name, "--name")  # type: ignore[arg-type]
    if (store.recorded / name / "machine.yaml").exists():
        raise InputError("--name", "", repr(name), "a name that no recorded machine has")


def machine_table(machine: Machine) -> Table:
    """A table of the machine's figures."""
    table = WholeTable(f"Machine {machine.name} ({machine.origin})", box=HEAVY_HEAD, pad_edge=True)
    table.words("what", "value", no_wrap=False)
    caches = ", ".join(f"{name} {size >> 10} KiB" for name, size in machine.cache_bytes.items())
    rows = {
        "processor": f"{machine.processor}, {machine.sockets} socket(s)",
        "usable cores": f"{len(machine.cores)} (ids {', '.join(map(str, machine.cores))})",
        "caches of a core": caches or "unknown",
        "usable memory": f"{machine.memory_bytes / 2**30:.1f} GiB",
        "core capacity (k loops / one)": _by_count(machine.core_capacity, "{:.2f}"),
        "memory bandwidth, copied": _by_count(machine.bandwidth_gbps, "{:.1f} GB/s"),
        "matrix products, fp32": _by_count(machine.matmul_gflops, "{:.0f} GFLOP/s"),
        "exchange between cores": _by_count(machine.exchange_us, "{:.0f} µs"),
        "worker start-up": f"{machine.worker_startup_s:.2f} s",
        "probe (fixed work, all cores)": f"{machine.probe_s * 1e3:.1f} ms",
    }
    for index, gpu in enumerate(machine.gpus):
        memory = f"{gpu.memory_bytes / 2**30:.0f} GiB, {gpu.multiprocessors} multiprocessors"
        rows[f"gpu:{index}"] = f"{gpu.name}, {memory}"
        rates = {
            "matrix products, fp32": (gpu.matmul_gflops, "GFLOP/s"),
            "memory bandwidth, copied": (gpu.bandwidth_gbps, "GB/s"),
            "link": (gpu.link_gbps, "GB/s"),
            "launch of a kernel": (gpu.launch_us, "µs"),
        }
        known = {what: rate for what, rate in rates.items() if rate[0] is not None}
        rows |= {
            f"gpu:{index} {what}": f"{value:.4g} {unit}" for what, (value, unit) in known.items()
        }
    for what, value in rows.items():
        table.add_row(what, value)
    return table


def _by_count(values: tuple[float, ...], form: str) -> str:
    if not values:
        return "unknown"
    shown = {k for k in range(1, len(values) + 1) if k & (k - 1) == 0} | {len(values)}
    return ", ".join(f"{k}: {form.format(values[k - 1])}" for k in sorted(shown))
