"""Each link between the pages, and each page or decision that code names, leads to what is there."""

import re
import subprocess
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


def test_code_names_only_what_is_here() -> None:
    """A page of ours, a decision by its number, or a standard: what the reader of the code can open."""
    listing = ["git", "ls-files", "services", "infra", "benchmarks"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True)
    decisions = {page.name[:4] for page in ROOT.glob("docs/adr/0*.md")}
    for name in listed.stdout.decode().split():
        if name.endswith(".py") and (ROOT / name).is_file():
            text = (ROOT / name).read_text(encoding="utf-8")
            absent = [page for page in re.findall(r"[\w/-]+\.md\b", text) if not (ROOT / page).is_file()]
            absent += [number for number in re.findall(r"ADR (\d{4})", text) if number not in decisions]
            absent += re.findall(r"design section \d+|knowledge:|requirement [A-Z]\d", text)
            assert not absent, f"{name} names {absent}"


def test_pages_name_only_modules_that_are_there() -> None:
    """Paths in backticks below services, infra, tests, schemas and benchmarks."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = re.findall(r"`((?:services|infra|tests|schemas|benchmarks)/[^`\s]*)`", text)
        for path in {each for each in named if "<" not in each}:
            assert list(ROOT.glob(path.rstrip("/"))), f"{page.name} names {path}"
