import encodings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.message.charset_labels import WHATWG
from services.parser.mime import charsets

RUSSIAN = "Привет, как дела? Это письмо без метки."
CHINESE = "这是一个没有标明字符集的测试邮件，请检查。"


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("gb2312", "gb18030"),
        ("ks_c_5601-1987", "cp949"),
        ("Shift_JIS", "cp932"),
        ("ISO-8859-1", "windows-1252"),
        ("iso-8859-9", "windows-1254"),
        ("tis-620", "cp874"),
        ("big5", "big5hkscs"),
        ("uft-8", "utf-8"),
        ('"UTF8"', "utf-8"),
        ("cp-850", "cp850"),
        ("utf-8;junk", "utf-8"),
        ("gb_18030", "gb18030"),
        ("x-gb2312", "gb18030"),
        ("iso_8859_1", "windows-1252"),
        ("x-mac-greek", "mac-greek"),
        ("x-mac-ce", "mac-latin2"),
        ("x-mac-japanese", "cp932"),
        ("x-mac-chinesesimp", "gb18030"),
        ("x-mac-icelandic", "mac-iceland"),
        ("x-mswin-936", "gb18030"),
        ("EUCGB2312_CN", "gb18030"),
        ("eucJP-win", "euc_jp"),
        ("SJIS-win", "cp932"),
        ("MS950", "big5hkscs"),
        ("CP20866", "koi8-r"),
        ("cp51932", "euc_jp"),
        ("windows-28592", "iso8859-2"),
        ("65001", "utf-8"),
        ("646", "us-ascii"),
        ("12345", None),
        ("base64", None),
        ("rot13", None),
        ("idna", None),
        ("punycode", None),
        ("unicode_escape", None),
        ("undefined", None),
        ("x-nothing", None),
        ("", None),
        (None, None),
    ],
)
def test_labels(label: str | None, codec: str | None) -> None:
    assert charsets.codec(label) == codec


@pytest.mark.parametrize(
    ("data", "label", "value", "defect"),
    [
        ("朱镕基".encode("gbk"), "gb2312", "朱镕基", None),
        ("똠방각하".encode("cp949"), "euc-kr", "똠방각하", None),
        (b"\x93x\x94", "iso-8859-1", "“x”", None),
        ("café".encode(), "us-ascii", "café", "charset.label-lies"),
        ("café".encode(), "iso-8859-1", "café", "charset.label-lies"),
        (b"\xef\xbb\xbfx\xc3\xa9", "iso-8859-1", "xé", None),
        ("日本語".encode("iso2022_jp"), "iso-2022-jp", "日本語", None),
        ("日本語".encode("iso2022_jp"), None, "日本語", None),
        ("日本語".encode("iso2022_jp"), "utf-8", "日本語", "charset.label-lies"),
        ("日本語".encode("iso2022_jp"), "shift_jis", "日本語", "charset.label-lies"),
        (b"\x1b[1mbold\x1b[0m", "iso-8859-1", "\x1b[1mbold\x1b[0m", None),
        ("合約€一百".encode("cp950"), "big5", "合約€一百", None),
        ("嘅合約".encode("big5hkscs"), "big5", "嘅合約", None),
        ("中文".encode("hz"), "hz-gb-2312", "中文", None),
        (b"+Ti1lhw-", "utf-7", "中文", None),
        (b"+Ti1lhw-", None, "+Ti1lhw-", None),
        (b"caf\xe9 na\xefve", "utf-8", "café naïve", "charset.guessed"),
        (RUSSIAN.encode("koi8-r"), None, RUSSIAN, "charset.detected"),
        (CHINESE.encode("gbk"), "x-unknown", CHINESE, "charset.detected"),
        (b"plain", "x-unknown", "plain", "charset.unknown"),
        (b"<p>plain</p>\r\n\r\n", "utf-16", "<p>plain</p>\r\n\r\n", "charset.label-lies"),
        ("<p>Grüße</p>\n".encode(), "utf-16le", "<p>Grüße</p>\n", "charset.label-lies"),
        ("你好".encode("utf-16-le"), "utf-16le", "你好", None),
        ("你上好".encode("utf-16-be"), "utf-16be", "你上好", None),
    ],
)
def test_decode(data: bytes, label: str | None, value: str, defect: str | None) -> None:
    found = charsets.decode(data, label)
    assert found.value == value
    if defect:
        assert found.defect == defect


def test_a_few_bad_octets_do_not_make_mojibake() -> None:
    found = charsets.decode("中文中文中文".encode() + b"\xe4", "utf-8")
    assert (found.value, found.used, found.replacements) == ("中文中文中文\ufffd", "utf-8", 1)


@pytest.mark.parametrize("label", sorted(set(WHATWG)))
def test_every_label_has_a_codec_that_takes_anything(label: str) -> None:
    assert isinstance(charsets.decode(bytes(range(256)), label).value, str)


@given(st.binary(max_size=200), st.sampled_from([None, *sorted(set(WHATWG.values())), "x-unknown", "utf-32"]))
def test_the_result_is_valid_unicode(data: bytes, label: str | None) -> None:
    charsets.decode(data, label).value.encode("utf-8")


@given(st.text(max_size=60))
def test_utf_8_comes_back(value: str) -> None:
    assert charsets.decode(value.encode(), "utf-8").value == value.removeprefix("\ufeff")


@pytest.mark.parametrize(
    "octets", [b"\x0eDc", b"\x1b$)G\x0eDc:C\x0f", b"\x1b$)A\x0eD\x0f", b"\x1b$)A\x0e\x0f" * 60_000]
)
def test_iso_2022_cn_that_cannot_be_read_is_flagged(octets: bytes) -> None:
    assert charsets.decode(octets, "iso-2022-cn").defect is not None


def test_a_line_ends_the_shift_of_iso_2022_cn() -> None:
    assert charsets.decode(b"\x1b$)A\x0eDc:C\r\nabc \x0eDc\x0f", "iso-2022-cn").value == "你好\r\nabc 你"


def test_an_unknown_label_is_not_looked_for_in_files() -> None:
    """Python keeps every label that it ever searched for, so senders could fill the memory with them."""
    assert charsets.codec("x-no-such-charset-20260101") is None
    assert not [label for label in encodings._cache if "20260101" in label]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "label", ["cp720", "koi8_t", "mac-greek", "ptcp154", "hp-roman8", "ISO_646.irv-1991", "kz1048"]
)
def test_every_charset_of_python_is_known(label: str) -> None:
    assert charsets.codec(label)
