from dataclasses import dataclass

import pytest

from services.poller.domain.choose import chosen, fits, unmatched


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
    ],
)
def test_a_pattern_fits_names_and_special_uses(pattern: str, folder: Named, good: bool) -> None:
    assert fits(pattern, folder) == good


def test_what_is_chosen_is_included_selectable_and_not_excluded() -> None:
    folders = [Named("INBOX"), Named("Spam", "\\Junk"), Named("[Gmail]", selectable=False), Named("Lists/x")]
    assert [folder.name for folder in folders if chosen(folder, (), ("\\Junk",))] == ["INBOX", "Lists/x"]
    assert [folder.name for folder in folders if chosen(folder, ("Lists/*", "[Gmail]"), ())] == ["Lists/x"]
    assert unmatched(("INBOX", "Nothing*", "[Gmail]"), folders) == ["Nothing*", "[Gmail]"]
