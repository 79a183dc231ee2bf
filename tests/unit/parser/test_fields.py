import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.email import Defect
from services.parser.mime import fields


def parsed(block: bytes, start: int = 0) -> tuple[fields.Header, list[Defect]]:
    defects: list[Defect] = []
    return fields.parse(block, start, None, defects), defects


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_fields_with_every_line_end(newline: bytes) -> None:
    header, defects = parsed(newline.join([b"Subject: a", b" folded", b"X-Y:b", b""]))
    assert header.keys[0] == "subject"
    assert list(header.names) == ["Subject", "X-Y"]
    assert header.get("x-y") == "b"
    assert fields.text(header, "subject") == "a folded"
    assert defects == []


def test_mixed_line_ends() -> None:
    header, _ = parsed(b"A: 1\r\nB: 2\nC: 3\r\n")
    assert list(header.values) == [" 1", " 2", " 3"]


def test_the_first_of_repeated_fields_counts() -> None:
    header, _ = parsed(b"A: 1\nB: 2\na: 3\n")
    assert header.get("a") == " 1"
    assert header.all("a") == [" 1", " 3"]


def test_repeats_are_told_of_fields_that_may_stand_once() -> None:
    header, _ = parsed(b"Received: 1\nSubject: 2\nReceived: 3\nsubject: 4\nX-Any: 5\nX-Any: 6\nFrom: 7\n")
    assert header.repeated == {"subject"}
    assert parsed(b"From:\nFrom:\n")[0].repeated == {"from"}


def test_a_line_that_is_no_field_is_skipped() -> None:
    header, defects = parsed(b"A: 1\njunk line\nB: 2\n", 100)
    assert list(header.names) == ["A", "B"]
    assert defects == [Defect("header.not-a-field", None, 105)]


def test_two_of_them_start_the_body() -> None:
    header, _ = parsed(b"A: 1\nbody line\nand more\nB: 2\n")
    assert list(header.names) == ["A"]
    assert header.end == 5


def test_nul_in_a_name_is_dropped() -> None:
    header, defects = parsed(b"A: 1\nSub\0ject\0: 2\nB: 3\n")
    assert header.keys == ["a", "subject", "b"]
    assert [defect.code for defect in defects] == ["header.nul"]


def test_cr_cr_lf_ends_every_line() -> None:
    header, _ = parsed(b"A: 1\r\r\nB: 2\r\r\n")
    assert header.values == [" 1", " 2"]


def test_offsets_count_octets() -> None:
    header, _ = parsed("A: é\nkörper\nmehr\n".encode())
    assert header.end == 6


def test_raw_octets_are_decoded_by_hint() -> None:
    header, _ = parsed(b"Subject: \xd6\xd0\xce\xc4\nX: caf\xe9\n")
    assert fields.text(header, "subject", "gb2312") == "中文"
    assert fields.text(header, "x") == "café"
    assert fields.sent(header)[1] == " caf\ufffd"


def test_blanks_before_the_colon() -> None:
    header, _ = parsed(b"Subject : a\n")
    assert header.get("subject") == " a"


def test_a_long_line_without_a_colon_costs_nothing() -> None:
    header, _ = parsed(b"a" * 1_000_000)
    assert header.end == 0


@given(st.binary(max_size=120))
def test_anything_gives_fields_in_clean_text(block: bytes) -> None:
    header, _ = parsed(block)
    assert len(header.names) == len(header.keys) == len(header.values)
    assert header.end is None or 0 <= header.end <= len(block)
    for value in fields.sent(header):
        assert "\0" not in value
        value.encode()


def test_a_name_longer_than_a_line_may_be_is_text() -> None:
    defects: list[Defect] = []
    header = fields.parse(b"Subject: x\n" + b"a" * 999 + b": y\nTo: z\n", 0, None, defects)
    assert (list(header.keys), [defect.code for defect in defects]) == (["subject", "to"], ["header.not-a-field"])


def test_what_a_message_is_counts_behind_any_number_of_fields() -> None:
    defects: list[Defect] = []
    block = b"X-A: 1\n" * 20 + b"Subject: late\nX-B: 2\nContent-Type: text/html\n"
    header = fields.parse(block, 0, None, defects, 10)
    assert (header.names[10:], header.get("subject")) == (["Subject", "Content-Type"], " late")
    assert [defect.code for defect in defects] == ["limit.fields"]


def test_a_long_text_without_fields_is_no_header() -> None:
    defects: list[Defect] = []
    header = fields.parse(b"no field here\nnor here\n" + b"Subject: x\n" * 3_000, 0, None, defects)
    assert (list(header.keys), header.end) == ([], 0)
