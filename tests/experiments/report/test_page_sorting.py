"""The page's own JavaScript, run on a table that is made of plain objects."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import experiments.report

SCRIPT = Path(experiments.report.__file__).parent / "page" / "page.js"
ROWS = (("b-10", "3"), ("a", None), ("b-9", "-2.5"), ("c", "3"))
TABLE = """
const rows = %s.map(([text, value]) => ({ name: text, cells: [
  { textContent: text, getAttribute: () => null },
  { textContent: value ?? "\\u2013", getAttribute: () => value },
]}));
const body = { rows, append: (...sorted) => { body.rows = sorted; } };
const heads = ["job", "loss"].map((name) => {
  const known = {};
  return { childNodes: [name], append(button) { this.button = button; },
    setAttribute: (key, value) => { known[key] = value; },
    removeAttribute: (key) => { delete known[key]; },
    getAttribute: (key) => known[key] ?? null };
});
globalThis.document = {
  querySelectorAll: () => [{ tHead: { rows: [{ cells: heads }] }, tBodies: [body] }],
  createElement: () => ({ append() {}, addEventListener(_, click) { this.click = click; } }),
};
"""
CLICKS = """
const seen = [];
for (const place of %s) {
  heads[place].button.click();
  seen.push([heads.map((head) => head.getAttribute("aria-sort")), body.rows.map((r) => r.name)]);
}
console.log(JSON.stringify(seen));
"""


def clicked(*places: int) -> list[tuple[list[str | None], list[str]]]:
    """How the table stands after a click on each of these columns."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no JavaScript engine here")
    code = TABLE % json.dumps(ROWS) + SCRIPT.read_text().replace('"use strict";', "")
    done = subprocess.run(
        [node, "-e", code + CLICKS % json.dumps(places)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [(sort, names) for sort, names in json.loads(done.stdout)]


def test_a_click_sorts_numbers_by_value_and_a_second_turns_them_round() -> None:
    rising, falling = clicked(1, 1)
    assert rising == ([None, "ascending"], ["b-9", "b-10", "c", "a"])
    assert falling == ([None, "descending"], ["b-10", "c", "b-9", "a"]), "none comes last"


def test_names_are_sorted_as_people_count() -> None:
    (_, (sort, names)) = clicked(1, 0)
    assert names == ["a", "b-9", "b-10", "c"]
    assert sort == ["ascending", None]


def test_the_script_asks_for_nothing_from_outside() -> None:
    text = SCRIPT.read_text()
    for word in ("fetch", "import", "XMLHttp", "http", "eval", "innerHTML"):
        assert word not in text
