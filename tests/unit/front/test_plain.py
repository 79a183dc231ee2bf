"""Text of strangers, as it is shown and as programs get it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.front import plain

RISKY = "\x1b\x07\x7f\x85\x9b\u061c\u200f\u2028\u202e\u2066"


@given(st.recursive(st.text() | st.sampled_from(RISKY) | st.integers(-(2**53), 2**53), st.lists))
def test_json_says_the_same_and_holds_nothing_that_a_terminal_acts_on(value: object) -> None:
    written = plain.json(value)
    assert json.loads(written) == value
    assert not set(RISKY) & set(written.decode())


@pytest.mark.parametrize("text", [f"a{mark}b" for mark in RISKY])
def test_a_line_holds_none_of_them(text: str) -> None:
    assert not set(RISKY) & set(plain.line(text))


@pytest.mark.parametrize("text", [f"a{mark}b" for mark in (*RISKY, "\t", "\n", "\u2029")])
def test_nor_does_a_name(text: str) -> None:
    assert plain.named(text) == "a�b"


@pytest.mark.parametrize(
    "text", ["a  b", " a ", "合同　2026", "a\u00a0b", " \u2003a", "Co. ", "a. .b", "می\u200cخواهم", "❤\ufe0f", ""]
)
def test_a_name_keeps_its_spaces(text: str) -> None:
    assert plain.named(text) == text


UNSEEN = [
    " ",
    "\u00a0",
    "\u00ad",
    "\u034f",
    "\u115f",
    "\u180e",
    "\u200b",
    "\u2060",
    "\u2800",
    "\u3000",
    "\u3164",
    "\ufe0f",
]
UNSEEN += ["\ufeff", "\uffa0", "\U0001d159", "\U000e0041", "\U000e0100", " \u200b "]


@pytest.mark.parametrize("unseen", UNSEEN)
def test_a_name_that_nobody_would_see_is_seen(unseen: str) -> None:
    assert plain.named(unseen) == "�" * len(unseen)


@pytest.mark.parametrize("unseen", UNSEEN[1:])
def test_nor_is_a_part_of_a_name_unseen(unseen: str) -> None:
    seen = "�" * len(unseen)
    assert plain.named(f"INBOX/{unseen}") == f"INBOX/{seen}"
    assert plain.named(f"INBOX.{unseen}.x") == f"INBOX.{seen}.x"
    assert plain.named(f"{unseen}.pdf") == f"{seen}.pdf"


def test_a_name_of_a_megabyte_is_shown_at_once() -> None:
    name = "\u200b" * 2**20 + "a"
    assert plain.named(name) == name


def test_what_is_read_as_it_is_stays() -> None:
    assert plain.json({"主题": 'a "quoted" \\ é'}) == '{"主题":"a \\"quoted\\" \\\\ é"}'.encode()
