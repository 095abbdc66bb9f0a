"""Saving figures: whole pictures, and a failure that costs no other figure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from matplotlib.figure import Figure

from experiments.figures import save_all
from experiments.figures.policies import draw_policies, policies_data


def simple() -> Figure:
    return draw_policies(policies_data([]))


def broken() -> Figure:
    raise ValueError("no such job")


def test_every_figure_is_a_png_at_good_resolution(tmp_path: Path) -> None:
    assert save_all({"one": simple, "two": simple}, tmp_path / "figures") == []
    content = (tmp_path / "figures" / "one.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    width = int.from_bytes(content[16:20], "big")
    assert width >= 1500


def test_a_failing_figure_is_reported_and_the_others_are_saved(tmp_path: Path) -> None:
    failures = save_all({"bad": broken, "good": simple}, tmp_path)
    assert failures == ["bad: ValueError: no such job"]
    assert [path.name for path in tmp_path.iterdir()] == ["good.png"]


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "figures").write_text("a file")
    (failure,) = save_all({"good": simple}, tmp_path / "figures")
    assert failure.startswith("good: ")


def test_no_display_and_no_torch_are_needed() -> None:
    """With a back end that needs a display set from outside, nothing opens one."""
    program = (
        "import sys\n"
        "from experiments.tables import comparison_table, profile_table, sweep_table\n"
        "from experiments.run_files import chrome_trace\n"
        "from experiments.validation import compare\n"
        "from experiments.figures.policies import draw_policies, policies_data\n"
        "draw_policies(policies_data([])).canvas.draw()\n"
        "assert 'torch' not in sys.modules\n"
    )
    environment = {"MPLBACKEND": "tkagg", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
