"""Tables that compare all policies: the best layout of each on each machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group
from rich.table import Table

from experiments.run_files.policy_rows import PolicyRow, best_rows, by_machine
from rmixer.display.quantities import ABSENT
from rmixer.display.tables import WholeTable


def comparison_tables(rows: Iterable[PolicyRow]) -> Group:
    """A table a machine: the best of every policy over its layouts and device rules, by queue, with
    its layout; the policy with the best mean comes first."""
    return Group(*map(_table, by_machine(rows)))


def _table(rows: Sequence[PolicyRow]) -> Table:
    workloads = list(dict.fromkeys(row.workload for row in rows))
    machine, gpus = rows[0].machine.partition("+")[0], rows[0].gpus
    table = WholeTable(
        f"{machine}, {gpus} GPU(s): × one job at a time (slots a GPU + on the CPU, rule)"
    ).words("policy", *workloads)
    for name, found in best_rows(rows).items():
        table.add_row(name, *(_cell(found.get(workload)) for workload in workloads))
    return table


def _cell(row: PolicyRow | None) -> str:
    if row is None:
        return ABSENT
    slots = "+".join(str(count) for count in (row.gpu_slots, row.cpu_slots) if count)
    rule = row.policy.partition("@")[2]
    return f"{row.speedup:.2f} ({slots}{' ' + rule if rule else ''})"
