"""Files profiles under the present hash of their code if they have a former one.

The hash is part of a profile's cost identity, and so of its folder's name. Only the identity, the
name and the checksum change.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from rmixer.errors import InputError
from rmixer.files.csv_rows import table_text
from rmixer.files.typed_files import (
    check_checksum,
    content_hash,
    load_json,
    parse,
    write_json,
)
from rmixer.user_code.former_sources import former_sources, formerly
from rmixer.workload.cost_identity import CostIdentity, own_step_hash
from rmixer.workload.workload import Job

_SOURCE = re.compile(r'"source": "([0-9a-f]{16})"')


def rekey_machine(folder: Path) -> int:
    """Rekeys all profiles of the library's models in a machine's ``folder`` that have a former
    hash; returns their number. One that is damaged or cannot be written stays where it is."""
    known = former_sources()["models"]
    count = 0
    for path in sorted(folder.glob("*/summary.json")):
        with contextlib.suppress(OSError, UnicodeDecodeError, InputError):
            found = _SOURCE.search(path.read_text(encoding="utf-8"))
            if found and found[1] in known:
                rekey_profile(path.parent, known[found[1]])
                count += 1
    return count


def rekey_own(folder: Path, job: Job) -> None:
    """The same for the profile of a user's own model. Its hash covers the user's code too, so only
    a job with that code can find it."""
    identity = job.identity
    for old in formerly(own_step_hash(), "own"):
        former = replace(identity, source=content_hash([job.source, old]))
        if (folder / former.key / "summary.json").exists():
            with contextlib.suppress(OSError, InputError):
                rekey_profile(folder / former.key, identity.source)


def rekey_profile(folder: Path, source: str) -> Path:
    """Moves the profile in ``folder`` to the place for the hash ``source``, and returns that; if a
    profile is already there, both stay. Raises :class:`InputError` for a profile that was changed
    since it was written."""
    path = folder / "summary.json"
    data: Any = load_json(path, "profile")
    table = table_text(folder / "operators.csv", "table of operators")
    checksum = data.pop("checksum", None)
    check_checksum(path, [data, table], checksum, f"remove {folder} and profile it again")
    data["identity"]["source"] = source
    target = folder.with_name(parse(data["identity"], CostIdentity, path).key)
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(prefix=".rekeyed-", dir=folder.parent) as whole:
        fresh = Path(whole) / target.name
        shutil.copytree(folder, fresh)
        write_json(fresh / "summary.json", {**data, "checksum": content_hash([data, table])})
        fresh.rename(target)
    shutil.rmtree(folder)
    return target
