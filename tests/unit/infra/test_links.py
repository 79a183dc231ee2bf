"""Each link between the pages leads to a file that is there, and to a heading that it has."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("schemas/*.md")])


def _targets(page: Path) -> Iterator[str]:
    """Where the links of a page lead, but for those to other sites."""
    found = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    return (each for each in found if "://" not in each)


def _anchors(page: Path) -> set[str]:
    """The names that headings get where the pages are shown: lower case, without signs, blanks as hyphens."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_link_leads_nowhere(page: Path) -> None:
    for target in _targets(page):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file), target


def test_each_page_can_be_reached_from_the_first() -> None:
    known = {ROOT / "README.md"}
    for _ in range(3):
        found = {
            (page.parent / target.partition("#")[0]).resolve()
            for page in known
            if page.suffix == ".md"
            for target in _targets(page)
        }
        known |= {file for file in found if file.is_file()}
    assert set(PAGES) - known == set()
