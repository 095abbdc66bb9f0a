"""The number of steps in an epoch of a job, and of its held-out samples."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

from rmixer.data.prepare import open_dataset
from rmixer.errors import InputError, RunFailed
from rmixer.files.home import home
from rmixer.files.typed_files import content_hash, load_json, parse, write_json
from rmixer.user_code.sources import ROOT
from rmixer.workload.workload import Job


def epoch_steps(job: Job) -> int | None:
    """The whole batches of ``job``'s training samples; None if a user's own batches have no length.
    It prepares a data set that is not ready, and builds a user's own model once. Raises
    :class:`InputError` for a batch larger than the data, and :class:`RunFailed` for an own model
    that cannot be built."""
    if job.is_own:
        return _own_batches(job)
    samples = open_dataset(job.entry.dataset, job.data).train_rows
    if job.batch > samples:
        raise InputError("job", "batch", job.batch, f"at most the {samples} samples to train on")
    return samples // job.batch


def held_out_samples(job: Job) -> int | None:
    """The number of held-out samples of ``job``'s data; None for a user's own model. Raises as
    :func:`epoch_steps`."""
    if job.is_own:
        return None
    arrays = open_dataset(job.entry.dataset, job.data)
    return arrays.rows - arrays.train_rows


def _own_batches(job: Job) -> int | None:
    """The number of an own model's batches. It is stored until the model's sources, batch or data
    change."""
    path = home() / "epochs" / f"{job.identity.key}-{content_hash([job.data, job.seed], 8)}.json"
    with contextlib.suppress(InputError):  # damaged: it is counted again
        if path.exists():
            return parse(load_json(path, "number of batches"), int, path)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answer.json"
        parts = (str(ROOT), os.environ.get("PYTHONPATH", ""))
        told = subprocess.run(
            [sys.executable, "-P", "-m", "rmixer.training.count_batches", str(file)],
            input=pickle.dumps(job),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(part for part in parts if part)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        if not file.exists():
            last = told.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise RunFailed("; ".join([f"its process ended with code {told.returncode}", *last]))
        answer = json.loads(file.read_text(encoding="utf-8"))
    if "failed" in answer:
        raise RunFailed(answer["failed"])
    batches: int | None = answer["batches"]
    if batches is not None:
        write_json(path, batches)
    return batches
