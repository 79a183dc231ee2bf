import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.parser.mbox import is_mbox, messages

LINE = b"From ann@example.org Mon Nov  2 09:30:00 2026\n"


def split(raw: bytes) -> list[bytes]:
    return list(messages(raw.splitlines(keepends=True)))


def test_messages_without_separators_and_the_empty_line_between() -> None:
    assert split(LINE + b"A: 1\n\nx\n\n" + LINE + b"A: 2\n\ny\n\n") == [b"A: 1\n\nx\n", b"A: 2\n\ny\n"]


def test_a_sentence_is_no_separator() -> None:
    raw = LINE + b"A: 1\n\nFrom here on\n\nFrom there too\nFrom x Mon Nov  2 09:30:00 2026\n"
    assert len(split(raw)) == 1


def test_one_level_of_quoting_goes() -> None:
    assert split(LINE + b"A: 1\n\n>From a\n>>From b\n> From c\n") == [b"A: 1\n\nFrom a\n>From b\n> From c\n"]


@pytest.mark.parametrize("length", [b"2", b"0", b"999999", b"x"])
def test_a_content_length_says_nothing(length: bytes) -> None:
    first = b"Content-Length: " + length + b"\n\nx\n"
    assert split(LINE + first + b"\n" + LINE + b"A: 2\n\ny\n") == [first, b"A: 2\n\ny\n"]


def test_line_ends_stay_as_they_are() -> None:
    crlf = LINE.replace(b"\n", b"\r\n")
    assert split(crlf + b"A: 1\r\n\r\nx\r\n\r\n" + crlf + b"B: 2\r\n") == [b"A: 1\r\n\r\nx\r\n", b"B: 2\r\n"]


def test_only_a_dated_line_starts_an_mbox() -> None:
    assert is_mbox(LINE)
    assert is_mbox(b"From MAILER-DAEMON Fri Jul  8 12:08:34 2011")
    assert is_mbox(b"\r\n\n" + LINE)
    assert is_mbox(b"From ann@example.org 2026-11-02T09:30:00\n")
    assert not is_mbox(b"From: ann@example.org 09:30:00 2026\n")
    assert not is_mbox(b"From here on\n")


def test_empty_lines_in_front_are_no_message() -> None:
    assert split(b"\n\r\n" + LINE + b"A: 1\n\nx\n") == [b"A: 1\n\nx\n"]


@settings(deadline=None)
@given(st.lists(st.sampled_from([LINE, b"\n", b"A: b\n", b">From x\n", b"From x\n", b"text\n"]), max_size=30))
def test_no_line_but_separators_and_one_blank_is_lost(lines: list[bytes]) -> None:
    kept = b"".join(split(b"".join(lines))).count(b"text\n")
    assert kept == lines.count(b"text\n")
