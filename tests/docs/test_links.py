"""What a page points at is there: links, their headings, and the files that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"])
OF_TODAY = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which tells of what was
ROOMS = ("benchmarks", "cli", "conf", "demo", "docs", "jobs", "notebooks", "tests", "udfs", "viewer")
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|md|sh|yaml|conf|ipynb|png|toml|lock)|(?:[\w.-]+/)+)`")
READERS = (
    "build/",
    "known/",
    "unknown/",
    "images/",
    "figures/",
    "pictures/",
    "lfw/",
)  # what a reader has, or a command leaves
PLACEHOLDER = re.compile(r"[A-Z]{3}")  # GALLERY, NAME.py …


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if not re.match(r"https?:|mailto:", link)]
    assert [link for link in links if not _leads_somewhere(page, link)] == []


@pytest.fixture(scope="module")
def tree() -> list[str]:
    """Every file and folder of the rooms."""
    return [f"/{path.relative_to(ROOT)}" for room in ROOMS for path in (ROOT / room, *(ROOT / room).rglob("*"))]


@pytest.mark.parametrize("page", OF_TODAY, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_file_or_folder_that_is_named_is_there(page: Path, tree: list[str]) -> None:
    named = [name.rstrip("/") for name in NAMED.findall(page.read_text()) if not name.startswith(READERS)]
    names = [name for name in named if not PLACEHOLDER.search(name)]
    assert [name for name in names if not any(path.endswith(f"/{name}") for path in tree)] == []


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in LINK.findall((ROOT / "README.md").read_text())}
    assert [str(page.relative_to(ROOT)) for page in PAGES if page not in linked | {ROOT / "README.md"}] == []


def _leads_somewhere(page: Path, link: str) -> bool:
    file, _, heading = link.partition("#")
    target = (page.parent / file) if file else page
    return target.exists() and (not heading or heading in _anchors(target.read_text()))


def _anchors(text: str) -> set[str]:
    """As the repository's host makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
