"""What an object says of its place, as somebody may have written it."""

import pytest

from services.cli.mending.rebuilding import identity, place_of

SHA256 = "0a" * 32


NO_PLACES = [
    "",
    "work/f/1",
    "work/f/1/2/3",
    "work/f//",
    "w/f/-1/2",
    "work/f/1/²",
    "work/f/1/٣",
    "work/f/x/y",
    "w/\0/1/2",
]
TOO_LARGE = [f"work/f/1/{10**10}", f"work/f/{10**30}/1"]  # for a column


@pytest.mark.parametrize("said", [*NO_PLACES, *TOO_LARGE])
def test_what_is_no_place_is_none(said: str) -> None:
    assert place_of(said, "INBOX") is None


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (f"work/messages/2026/11/22/{SHA256}.eml", ("work", SHA256)),
        (f"work/messages/undated/{SHA256}.eml", ("work", SHA256)),
        (f"backup/work/messages/2026/11/22/{SHA256}.eml", ("", "")),
        (f"work/messages/2026/11/22/{SHA256}.eml/x", ("", "")),
        (f"work/attachments/{SHA256}/messages", ("", "")),
        ("work/messages/notes.txt", ("", "")),
    ],
)
def test_only_a_key_of_ours_names_a_message(key: str, told: tuple[str, str]) -> None:
    assert identity(key) == told
