"""Our job types beside RMixer's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_runs import profile
from rich.console import Console

from experiments.tables.job_types import RMIXER_CONSTANTS, agreement, type_rows, types_table
from experiments.tables.profile_table import profile_table
from rmixer.model_profile.model_profile import JobType, ModelProfile
from rmixer.models.registry import MODELS
from rmixer.testing.made_up import make_machine, make_profile


def found(model: str, job_type: JobType, utilisation: float, batch: int = 256) -> ModelProfile:
    known = profile(model)
    return replace(
        known,
        identity=replace(known.identity, batch=batch),
        job_type={"cpu": job_type},
        utilisation={"cpu": utilisation},
    )


PROFILES = (
    found("criteo_dlrm", "compute", 0.6),  # RMixer: compute, 23%
    found("amazon_din", "memory", 0.3),  # low, 4.8%
    found("avazu_widedeep", "compute", 0.9),  # compute, 55%
    found("rm1", "memory", 0.2),  # not RMixer's
)


def test_constants_are_of_models_that_we_have() -> None:
    assert set(RMIXER_CONSTANTS) < set(MODELS)
    assert len(RMIXER_CONSTANTS) == 14
    assert all(0 < each.utilisation < 1 for each in RMIXER_CONSTANTS.values())


def test_rows_have_both() -> None:
    rows = type_rows(PROFILES)
    assert [row.model for row in rows] == ["amazon_din", "avazu_widedeep", "criteo_dlrm", "rm1"]
    din, _, _, rm1 = rows
    assert (din.job_type, din.rmixer_job_type) == ("memory", "low")
    assert (din.utilisation, din.rmixer_utilisation) == (0.3, 0.048)
    assert (din.compute_slowdown, din.stream_slowdown) == (1.05, 1.22)
    assert (rm1.rmixer_job_type, rm1.rmixer_utilisation) == (None, None)


def test_only_what_is_of_the_present_sources_is_shown_where_there_is_both() -> None:
    old = found("rm1", "low", 0.05)
    new = make_profile("rm1", batch=256, job_type="memory")
    old = replace(old, identity=replace(new.identity, source="00"))
    assert [row.job_type for row in type_rows([old, new])] == ["memory"]
    assert [row.job_type for row in type_rows([old])] == ["low"]


def test_settings_that_are_not_the_models_own_are_named() -> None:
    known = make_profile("rm1")
    other = replace(known.identity, optimizer="sgd", rows_cap=1000, data="rm1:files:00")
    rows = type_rows([known, replace(known, identity=other)])
    assert {row.settings for row in rows} == {"", "sgd, rows 1000, own data"}


def test_rows_of_one_model_are_by_batch() -> None:
    sizes = [found("rm1", "low", 0.1, batch) for batch in (1024, 64, 256)]
    assert [row.batch for row in type_rows(sizes)] == [64, 256, 1024]


def test_a_profile_without_neighbours() -> None:
    steps = tuple(
        replace(step, compute_slowdown=(), stream_slowdown=()) for step in PROFILES[0].steps
    )
    (row,) = type_rows([replace(PROFILES[0], steps=steps)])
    assert (row.compute_slowdown, row.stream_slowdown) == (None, None)


def test_agreement_in_words() -> None:
    """Ranks 0.3 < 0.6 < 0.9 and 4.8% < 23% < 55% are the same."""
    rows = type_rows(PROFILES)
    assert agreement(rows) == "2 of 3 types are RMixer's; rank correlation of utilisations +1.00"
    assert agreement(rows[:2]) == "1 of 2 types are RMixer's"
    assert agreement(rows[3:]) == "RMixer has figures for none of them"


def test_the_table_fits_100_columns() -> None:
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(types_table(type_rows(PROFILES), make_machine()))
    text = capture.get()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 100
    assert "machine balance 5.0 FLOP/byte" in text


def test_a_doubtful_type_is_marked_and_explained() -> None:
    doubted = [replace(PROFILES[0], doubtful_type=("cpu",)), *PROFILES[1:]]
    rows = type_rows(doubted)
    assert [row.doubtful for row in rows] == [False, False, True, False]
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(types_table(rows, make_machine()))
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 100
    assert [line.split()[0] for line in lines if "compute ?" in line] == ["criteo_dlrm"]
    assert any(line.startswith("? doubtful, 1 of 4: too near the border") for line in lines)
    with console.capture() as capture:
        console.print(profile_table(doubted[0]))
    assert "cpu: compute job (doubtful: too near the border), 60.0%" in capture.get()


@pytest.mark.parametrize("words", ["30.0%", "4.8%", "1.22×", "memory", "low"])
def test_the_table_shows_both(words: str) -> None:
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(types_table(type_rows(PROFILES[1:2]), make_machine()))
    assert words in capture.get()
