import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.parser.mime import msgids


def test_references_keep_order_and_lose_repeats() -> None:
    assert msgids.parse("<a@b> <c d@e>\r\n <a@b> text <f@g>") == ("a@b", "cd@e", "f@g")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" <a@b>", "a@b"),
        ("<1 @ local(blah) .example>", "1@local.example"),
        ("a@b c", "a@bc"),
        ("< a@b >", "a@b"),
        ("<a@b", "a@b"),
        ("<>", None),
        ("a> <b <c@d> <e@f>", "c@d"),
        ("  ", None),
    ],
)
def test_message_id(value: str, expected: str | None) -> None:
    assert msgids.first(value) == expected


def test_references_without_brackets() -> None:
    assert msgids.parse("Message of Monday a@b, c@d") == ("a@b", "c@d")


def test_a_synthetic_id_survives_other_line_ends_and_blocks() -> None:
    one = msgids.synthetic(["from", "date"], [b"a\r\nb\r", b"\nc"])
    other = msgids.synthetic(["from", "date"], [b"a\nb\nc"])
    assert one == other
    assert one.endswith("@synthetic.invalid")
    assert one != msgids.synthetic(["from", "date"], [b"a\nb\nd"])


@given(st.text(max_size=80))
def test_ids_have_neither_blanks_nor_brackets(value: str) -> None:
    for found in msgids.parse(value):
        assert found
        assert not set(found) & set("<> \t\r\n")
