"""Tables that compare all policies: the best layout of each on each machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group
from rich.table import Table

from experiments.run_files.policy_rows import PolicyRow
from rmixer.display.quantities import ABSENT
from rmixer.display.tables import WholeTable


def comparison_tables(rows: Iterable[PolicyRow]) -> Group:
    """A table a machine: the best of every policy over its layouts and device rules, by queue, with
    its layout; the policy with the best mean comes first."""
    given = list(rows)
    machines = dict.fromkeys((row.machine, row.gpus) for row in given)
    return Group(*(_table([r for r in given if (r.machine, r.gpus) == each]) for each in machines))


def _table(rows: Sequence[PolicyRow]) -> Table:
    workloads = list(dict.fromkeys(row.workload for row in rows))
    best: dict[str, dict[str, PolicyRow]] = {}
    for row in rows:
        found = best.setdefault(row.policy.partition("@")[0], {})
        before = found.get(row.workload)
        if row.speedup and (before is None or row.speedup > (before.speedup or 0.0)):
            found[row.workload] = row
    machine, gpus = rows[0].machine.partition("+")[0], rows[0].gpus
    table = WholeTable(
        f"{machine}, {gpus} GPU(s): × one job at a time (slots a GPU + on the CPU, rule)"
    ).words("policy", *workloads)
    means = {
        name: sum(row.speedup or 0.0 for row in found.values()) / len(workloads)
        for name, found in best.items()
    }
    for name in sorted(best, key=lambda name: -means[name]):
        table.add_row(name, *(_cell(best[name].get(workload)) for workload in workloads))
    return table


def _cell(row: PolicyRow | None) -> str:
    if row is None:
        return ABSENT
    slots = "+".join(str(count) for count in (row.gpu_slots, row.cpu_slots) if count)
    rule = row.policy.partition("@")[2]
    return f"{row.speedup:.2f} ({slots}{' ' + rule if rule else ''})"
