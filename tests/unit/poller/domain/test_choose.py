import time
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.domain.choose import chosen, exactly, fits, unmatched


@dataclass(frozen=True)
class Named:
    name: str
    special_use: str | None = None
    selectable: bool = True


@pytest.mark.parametrize(
    ("pattern", "folder", "good"),
    [
        ("INBOX", Named("inbox"), True),
        ("inbox", Named("INBOX"), True),
        ("Archive/*", Named("Archive/2026"), True),
        ("archive/*", Named("Archive/2026"), False),
        ("[Gmail]/*", Named("[Gmail]/All Mail"), True),
        ("[Gmail]/*", Named("G/All Mail"), False),
        ("工作?", Named("工作1"), True),
        ("\\sent", Named("已发送", "\\Sent"), True),
        ("\\Sent", Named("Sent"), False),
        ("=a*", Named("a*"), True),
        ("=a*", Named("ab"), False),
        ("=\\Sent", Named("\\Sent"), True),
        ("=\\Sent", Named("Sent", "\\Sent"), False),
        ("==x", Named("=x"), True),
    ],
)
def test_a_pattern_fits_names_and_special_uses(pattern: str, folder: Named, good: bool) -> None:
    assert fits(pattern, folder) == good


def test_what_is_chosen_is_included_selectable_and_not_excluded() -> None:
    folders = [Named("INBOX"), Named("Spam", "\\Junk"), Named("[Gmail]", selectable=False), Named("Lists/x")]
    assert [folder.name for folder in folders if chosen(folder, (), ("\\Junk",))] == ["INBOX", "Lists/x"]
    assert [folder.name for folder in folders if chosen(folder, ("Lists/*", "[Gmail]"), ())] == ["Lists/x"]
    assert [folder.name for folder in folders if chosen(folder, ("S?am",), ())] == ["Spam"]
    assert unmatched(("INBOX", "Nothing*", "[Gmail]"), folders) == ["Nothing*", "[Gmail]"]


@given(st.sampled_from(["INBOX", "a*", "a?", "ab", "=a*", "[a]", "\\Sent", "=", "合同", ""]) | st.text())
def test_an_exact_pattern_fits_its_folder_and_no_other(name: str) -> None:
    assert fits(exactly(name), Named(name, "\\Sent"))
    others = [other for other in ("a*", "a?", "ab", "=a*", "[a]", "\\Sent", "合同", "Sent") if other != name]
    assert not [other for other in others if fits(exactly(name), Named(other, "\\Sent"))]


PATTERNS = st.sampled_from(["INBOX", "inbox", "a*", "a?", "ab", "=a*", "==x", "[a]", "\\Sent", "=\\Sent", "=", ""])
FOLDERS = st.builds(
    Named,
    st.sampled_from(["INBOX", "inbox", "a*", "ab", "=x", "[a]", "\\Sent", "", "="]),
    st.sampled_from([None, "\\Sent"]),
)


@given(st.lists(PATTERNS, max_size=4), FOLDERS)
def test_a_folder_is_taken_when_one_of_the_patterns_fits(patterns: list[str], folder: Named) -> None:
    one_fits = any(fits(pattern, folder) for pattern in patterns)
    assert chosen(folder, patterns, ()) == (one_fits or not patterns)
    assert chosen(folder, (), patterns) == (not one_fits)
    assert unmatched(patterns, [folder]) == [pattern for pattern in patterns if not fits(pattern, folder)]


@pytest.mark.parametrize("name", ["INBOX", "合同", "[Gmail]/All Mail"])
def test_a_plain_name_is_a_pattern_as_it_is(name: str) -> None:
    assert exactly(name) == name


def test_thousands_of_folders_that_are_named_one_by_one_are_found_at_once() -> None:
    folders = [Named(f"项目/{number:04}") for number in range(4_000)]
    names = tuple(exactly(folder.name) for folder in folders)
    start = time.process_time()
    assert all(chosen(folder, names, ()) for folder in folders)
    assert not any(chosen(folder, (), names) for folder in folders)
    assert unmatched((*names, "项目/x", "*/x"), folders) == ["项目/x", "*/x"]
    assert time.process_time() - start < 2
