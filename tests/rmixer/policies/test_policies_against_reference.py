"""Every rule that can be written down twice decides over random runs as the reference plays it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fake_clock import FakeJob, machine, order, run, slots
from hypothesis import given
from hypothesis import strategies as st
from random_runs import Scene, scenes
from reference_books import play
from reference_published import published_rule
from reference_rmixer import DEVICE_RULES, rmixer_rule

from rmixer.policies import make_policy

JOB_RULES = ("dySequ", "dyRand", "dyMemo", "dyArin", "dyType", "static", "cognn")
BASELINES = ("sequential", "monolithic", "mps", "all_at_once")
GROUPS = ("cognn_base", "cognn_lmcf", "cognn_bmc")
CARMA = ("carma_ff", "carma_bf", "carma_magm", "carma_lug", "carma_rr")


@pytest.mark.parametrize("job", JOB_RULES)
@given(
    scene=scenes(some_on_cpu_alone=True),
    device=st.sampled_from(sorted(DEVICE_RULES)),
    seed=st.integers(0, 3),
)
def test_the_28_pairs_of_rmixer(job: str, scene: Scene, device: str, seed: int) -> None:
    name = f"{job}@{device}"
    drawn = drawn_order(scene.jobs, seed) if job == "dyRand" else ()
    assert starts_of(name, scene, seed) == play(scene, rmixer_rule(name, drawn))


@pytest.mark.parametrize("name", ["dyMix", "dyMix:beta=2", "dyMix:beta=0.5"])
@given(scene=scenes(some_on_cpu_alone=True))
def test_both_kinds_at_once(name: str, scene: Scene) -> None:
    assert starts_of(name, scene) == play(scene, rmixer_rule(name))


def drawn_order(jobs: Sequence[FakeJob], seed: int) -> list[str]:
    """The order that ``dyRand`` draws, seen where nothing but the order matters."""
    plain = [FakeJob(job.id, 1) for job in jobs]
    return order(run(machine(), slots(cpu0=1), plain, make_policy("dyRand", seed)))


@pytest.mark.parametrize("name", [*BASELINES, *GROUPS, "horus", "lucid"])
@given(scene=scenes(some_on_cpu_alone=True))
def test_baselines_and_the_policies_of_others(name: str, scene: Scene) -> None:
    scene = scene.cut_by(make_policy(name))
    assert starts_of(name, scene) == play(scene, published_rule(name))


@pytest.mark.parametrize("name", CARMA)
@given(scene=scenes(some_on_cpu_alone=True, max_jobs=6), window=st.sampled_from(["2", "2", "30"]))
def test_carma(name: str, scene: Scene, window: str) -> None:
    """With 30 s all that ran has ended when a GPU may be taken again, so mostly with 2 s."""
    name = f"{name}:window_s={window}"
    assert starts_of(name, scene) == play(scene, published_rule(name))


def starts_of(name: str, scene: Scene, seed: int = 0) -> list[object]:
    return list(
        run(scene.machine, scene.layout, scene.jobs, make_policy(name, seed), scene.used_mib)
    )
