"""The pages: every link leads somewhere, none is too long, and the index names them all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.tables.terms import TERMS

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", *DOCS, *(ROOT / "experiments" / "results").glob("*.md")]
KINDS = ("how-to", "reference", "explanation")
LONGEST, README_LONGEST = 250, 150
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"docs/[\w/-]+\.md")


def _words(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of ``page``."""
    titles = re.findall(r"^#+ (.+)$", _words(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.replace(" ", "-") for title in plain}


def _broken(page: Path) -> Iterator[str]:
    for link in LINK.findall(_words(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            yield link


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(_broken(page)) == []


@pytest.mark.parametrize("page", PAGES[: 1 + len(DOCS)], ids=_name)
def test_no_page_is_too_long(page: Path) -> None:
    longest = README_LONGEST if page.name == "README.md" else LONGEST
    assert len(page.read_text(encoding="utf-8").splitlines()) <= longest


@pytest.mark.parametrize("page", DOCS, ids=_name)
def test_files_that_pages_name_are_there(page: Path) -> None:
    """Those with a folder; others are of examples, or lie beside one that was named."""
    top = "rmixer|profiles|sim|executor|experiments|tests|findings"
    named = re.findall(rf"`((?:{top})/[\w/.-]+)`", _words(page))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_pages_that_the_code_names_are_there() -> None:
    files = [
        p
        for top in ("rmixer", "profiles", "sim", "executor", "experiments", "findings")
        for p in (ROOT / top).rglob("*")
        if p.suffix in (".py", ".md", ".sh", ".html")
    ]
    named = {(name, path) for path in files for name in NAMED.findall(path.read_text("utf-8"))}
    assert [each for each in named if not (ROOT / each[0]).exists()] == []
    assert len(named) > 3


def test_the_index_names_every_page_by_its_kind() -> None:
    index = ROOT / "docs" / "index.md"
    listed = [link.partition("#")[0] for link in LINK.findall(_words(index))]
    for page in DOCS:
        name = str(page.relative_to(ROOT / "docs"))
        assert name in ("index.md", "tutorial.md") or name.startswith(KINDS)
        assert name == "index.md" or name in listed


def test_the_index_answers_ten_questions() -> None:
    answers = _words(ROOT / "docs" / "index.md").partition("## Ten questions")[2]
    asked = re.findall(r"^\| (.+\?) \| (.+) \|$", answers, re.MULTILINE)
    assert len(asked) == 10
    assert all(LINK.search(answer) for _, answer in asked)


def test_terms_that_tables_explain_are_on_the_page_of_terms() -> None:
    page = (ROOT / "docs" / "reference" / "terms.md").read_text(encoding="utf-8")
    for term in TERMS:
        assert re.search(rf"^\| {term}", page, re.MULTILINE), term
