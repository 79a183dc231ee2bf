import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.parser.mime import charsets, japanese

KANJI = "".join(
    char
    for char in bytes(octet for row in range(0xB0, 0xF4) for cell in range(0xA1, 0xFF) for octet in (row, cell)).decode(
        "euc_jp", "ignore"
    )
)


@pytest.mark.parametrize("text", ["日本語です。", KANJI, "ABC あいう\r\nカタカナ 123\n", ""])
def test_the_same_text_as_the_codecs_where_they_can(text: str) -> None:
    assert japanese.iso_2022(text.encode("iso2022_jp")) == text
    assert japanese.euc(text.encode("euc_jp")) == text


def test_vendor_characters() -> None:
    assert charsets.decode(b"\x1b$B-!-j|b\x1b(B ok", "iso-2022-jp").value == "①㈱髙 ok"
    assert charsets.decode(b"\xad\xa1\xad\xea\xfc\xe2 ok", "euc-jp").value == "①㈱髙 ok"
    assert charsets.decode(b"\x1b(I12\x1b(B", "iso-2022-jp").value == "ｱｲ"
    assert charsets.decode(b"\x8e\xb1\xad\xa1", "euc-jp").value == "ｱ①"


@pytest.mark.parametrize("octets", [b"\x1b$B9", b"\x1b$B9b\xfc\xfc\x1b(B", b"\xff"])
def test_damage_is_not_read(octets: bytes) -> None:
    assert japanese.iso_2022(octets) is None


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_octets_are_survived(octets: bytes) -> None:
    for text in (japanese.iso_2022(octets), japanese.iso_2022(b"\x1b$B" + octets), japanese.euc(octets)):
        assert text is None or text.encode() is not None
