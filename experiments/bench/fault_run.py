"""Random faults over many small jobs: each ends exactly once, with the weights of a calm run.

``python -m experiments.bench.fault_run [--faults 200] [--jobs 60] [--seed 0] [--out FILE]``:
workers are killed and held still, the supervisor is killed, terminated and interrupted, checkpoints
are cut, all at random moments. A supervisor that has ended is started again. Nothing here measures
speed.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import click

from experiments.bench.fault_injection import KINDS, Faults
from experiments.bench.fault_queue import differing_weights, ends, small_jobs, supervisor_of
from experiments.bench.findings import out_option, tell


@click.command()
@click.option("--faults", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--jobs", type=click.IntRange(min=1), default=60, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@out_option
def main(faults: int, jobs: int, seed: int, out: Path | None) -> None:
    """Runs the queue calmly, then with faults, and compares."""
    with tempfile.TemporaryDirectory() as folder:
        found = trial(Path(folder), faults, jobs, seed)
    tell("\n".join(f"{name}: {value}" for name, value in found.items()), out, found)
    if found["lost"] or found["twice"] or found["different"]:
        raise click.ClickException("a job was lost, ended twice, or has other weights")


def trial(folder: Path, faults: int, jobs: int, seed: int) -> dict[str, object]:
    """A queue of ``jobs`` jobs without and with ``faults``, in ``folder``: the number of faults of
    each kind, and the jobs that were lost, ended twice, or ended with other weights."""
    queue = small_jobs(jobs, seed)
    calm, hit = folder / "calm", folder / "hit"
    supervisor_of(calm, queue).execute()
    injected = Faults(hit, queue, seed).inject(faults)
    ended = ends(hit)
    return {
        "faults": sum(injected.values()),
        "kinds": {kind: injected[kind] for kind in KINDS},
        "jobs": len(queue),
        "supervisors": ended.supervisors,
        "attempts": ended.attempts,
        "causes": dict(sorted(Counter(ended.causes).items())),
        "lost": [job.id for job in queue if ended.times[job.id] == 0],
        "twice": [job.id for job in queue if ended.times[job.id] > 1],
        "different": differing_weights(calm, hit, queue),
    }


if __name__ == "__main__":
    main()
