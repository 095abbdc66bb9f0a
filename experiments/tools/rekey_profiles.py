"""Files the recorded profiles under the present hash of the code that builds their step.

``python -m experiments.tools.rekey_profiles --before COMMIT`` is for a change that gives that code
another hash, but leaves the operators of its steps as they are: another way to hash, or a change of
what is done between steps. It checks out ``COMMIT``, the last one before the change, lets that code
say its hashes, and compares:

- a profile is filed again only if its hash is the one that the code of ``COMMIT`` has (proof that
  it was recorded with that code);
- the code of ``COMMIT``, hashed as today, must be the code of today. Models for which it is not are
  named, and refused unless ``--same-step MODULE`` vouches for each of their modules.

Data that was prepared from raw files follows only where the code that reads them is the same, or
``--same-data MODULE`` vouches for it: what it makes of files that both could read is the same.

``COMMIT`` must have the modules where they lie today. The pairs of hashes go to
``rmixer/user_code/former_sources.json``, by which users' profiles follow.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from profiles.stored.rekeying import rekey_machine
from profiles.stored.store import RECORDED
from rmixer.data.prepare import data_code
from rmixer.data.registry import DATASETS
from rmixer.errors import InputError
from rmixer.files.typed_files import load_json, write_json
from rmixer.models.registry import MODELS
from rmixer.user_code.former_sources import KINDS, PATH, former_sources
from rmixer.workload.cost_identity import own_step_hash, source_hash, step_digest

_ROOT = RECORDED.parents[1]
_ASK = """
import json, sys
from rmixer.data.prepare import data_code
from rmixer.workload.cost_identity import own_step_hash, source_hash
pairs, readers = json.loads(sys.argv[1])
data = [data_code(reader) for reader in readers]
print(json.dumps([[source_hash(*pair) for pair in pairs], own_step_hash(), data]))
"""


@click.command()
@click.option("--before", required=True, metavar="COMMIT", help="The last one with the old hash.")
@click.option("--same-step", multiple=True, metavar="MODULE", help="Whose step is still the same.")
@click.option("--same-data", multiple=True, metavar="MODULE", help="Whose data are still the same.")
def main(before: str, same_step: tuple[str, ...], same_data: tuple[str, ...]) -> None:
    """Writes the table, rekeys the recorded profiles and prints their number."""
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder)
        archive = subprocess.run(
            ["git", "-C", _ROOT, "archive", before, "rmixer"], check=True, stdout=subprocess.PIPE
        )
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        table = former_pairs(old, set(same_step), set(same_data))
    write_json(PATH, _joined(table))
    former_sources.cache_clear()
    for machine in sorted(path.parent for path in RECORDED.glob("*/machine.yaml")):
        click.echo(f"{machine.name}: {rekey_machine(machine)} profiles filed again")


def former_pairs(old: Path, same_step: set[str], same_data: set[str]) -> dict[str, dict[str, str]]:
    """By kind of code: the present hash for each hash of the code below ``old``. Raises
    :class:`InputError` if a step's code differs and its module is not in ``same_step``. For code
    that makes data only the hash may differ, unless its module is in ``same_data``."""
    pairs = sorted({(entry.architecture, entry.dataset) for entry in MODELS.values()})
    readers = sorted({entry.reader for entry in DATASETS.values()})
    asked = subprocess.run(
        [sys.executable, "-P", "-c", _ASK, json.dumps([pairs, readers])],
        env={"PYTHONPATH": str(old)},
        check=True,
        stdout=subprocess.PIPE,
    )
    former, own, data = json.loads(asked.stdout)
    for architecture, dataset in pairs:
        module = architecture.partition(":")[0]
        then, now = (step_digest(architecture, dataset, root) for root in (old, _ROOT))
        if then != now and module not in same_step:
            allowed = f"the code of today, or --same-step {module}"
            raise InputError(architecture, "", "another code", allowed)
    now_hashes = [source_hash(*pair) for pair in pairs]
    return {
        "models": {a: b for a, b in zip(former, now_hashes, strict=True) if a != b},
        "own": {own: own_step_hash()} if own != own_step_hash() else {},
        "data": {
            code: data_code(reader)
            for reader, code in zip(readers, data, strict=True)
            if code != data_code(reader)
            and (
                data_code(reader, old) == data_code(reader) or reader.partition(":")[0] in same_data
            )
        },
    }


def _joined(table: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """``table`` and the entries of the file, whose hashes are also mapped to the present ones.
    Entries for data without a present hash are dropped: other code makes them anew."""
    known: Any = load_json(PATH, "table of former sources") if PATH.exists() else {}
    joined = {}
    for kind in KINDS:
        earlier = {a: table[kind].get(b, b) for a, b in known.get(kind, {}).items()}
        joined[kind] = dict(sorted({**earlier, **table[kind]}.items()))
    codes = {data_code(entry.reader) for entry in DATASETS.values()}
    joined["data"] = {old: new for old, new in joined["data"].items() if new in codes}
    return joined


if __name__ == "__main__":
    main()
