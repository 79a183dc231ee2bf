from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.parser.mime import rtf, rtf_compressed, tnef
from tests.unit.parser.tnef_builder import MESSAGE_PROPERTIES, attribute, prop, properties, stream

# MS-OXRTFCP sections 4.1.1 and 4.1.2
SIMPLE = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
)
OVERLAPPING = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
PAGE = (
    rb"{\rtf1\ansi\ansicpg1252\fromhtml1{\fonttbl{\f0 Arial;}}{\*\htmltag64 <p>}Gr\'fc\u223\'dfe"
    rb"{\*\htmltag84 &amp;}\htmlrtf &\htmlrtf0  more{\*\htmltag72 </p>}\htmlrtf\par\htmlrtf0}"
)
FONTS = rb"{\rtf1\ansicpg1252{\fonttbl{\f0\fcharset0 A;}{\f1\fnil\fcharset134 B;}{\f2\fcharset204 C;}}"


def plain(content: bytes) -> bytes:
    return (len(content) + 12).to_bytes(4, "little") + len(content).to_bytes(4, "little") + b"MELA\0\0\0\0" + content


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (SIMPLE, b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"),
        (OVERLAPPING, b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"),
        (plain(b"{\\rtf1 x}"), b"{\\rtf1 x}"),
        (b"", None),
        (bytes(40), None),
    ],
)
def test_compressed_rtf(data: bytes, expected: bytes | None) -> None:
    assert rtf_compressed.unpacked(data) == expected


def test_compressed_rtf_that_is_cut_gives_what_was_read() -> None:
    found = rtf_compressed.unpacked(SIMPLE[:30]) or b""
    assert found.startswith(b"{\\rtf1\\ansi\\ansicpg125")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\*\generator x;}Caf\'e9\par two\tab\{x\}}", "Café\ntwo\t{x}"),
        (rb"{\rtf1\ansicpg936 \'c4\'e3\'ba\'c3}", "你好"),
        (rb"{\rtf1\ansicpg932 \'83\\}", "ソ"),
        (rb"{\rtf1\ansicpg20866 \'f0\'d2}", "Пр"),
        (FONTS + rb"\f1\'c4\'e3{\f2\'cf\'f0}\'ba\'c3\f0\'e9\f1\'c4\'e3\plain\'e9}", "你Пр好é你é"),
        (rb"{\rtf1\uc2\u-10179 ??\u-8704 ??{\uc0\u8364}\u8364 ??}", "😀€€"),
        (rb"{\rtf1 a\rquote s {\field{\*\fldinst HYPERLINK x}{\fldrslt link}}}", "a’s link"),
        (rb"}}{\rtf1 odd", "odd"),
        (rb"{\rtf1 {\*\whatever x}a\~b\_c\-d{\*x}}", "a\xa0b-cd"),
        (rb"{\rtf1 {\uc0\u8364 5}{\uc-1\u8364 5}\u8364 ?5}", "€5€5€5"),
        (b"{" * 1_001 + rb"\rtf1 too deep}seen", "seen"),
    ],
)
def test_rtf_as_read(data: bytes, expected: str) -> None:
    assert rtf.read(data) == rtf.RtfText(expected, html=False)


def test_html_in_rtf_is_found_again() -> None:
    assert rtf.read(PAGE) == rtf.RtfText("<p>Grüße&amp; more</p>", html=True)


def test_a_winmail_with_rtf_alone_has_text() -> None:
    def body(content: bytes) -> tnef.Tnef:
        item = prop(0x1009, 0x102, content)
        return tnef.read(stream(attribute(1, MESSAGE_PROPERTIES, properties(item))))

    assert (body(SIMPLE).text, body(SIMPLE).html) == ("hello world", None)
    assert (body(plain(PAGE)).text, body(plain(PAGE)).html) == (None, "<p>Grüße&amp; more</p>")
    assert body(b"junk") == tnef.Tnef()


@given(st.binary(max_size=300))
def test_any_octets_are_read(data: bytes) -> None:
    rtf_compressed.unpacked(data[:4] + b"\xff\xff\xff\xffLZFu" + data)
    rtf.read(b"{\\rtf1\\fromhtml1 " + data).value.encode()


@pytest.mark.parametrize("piece", [b"{", b"{\\b ", b"\\'e9", b"\\u8364 ?", b"a\\par "])
def test_cost_grows_with_the_size_only(piece: bytes) -> None:
    assert any(_seconds(piece * 16_000) < 9 * max(_seconds(piece * 4_000), 0.002) for _ in range(5))


def _seconds(data: bytes) -> float:
    start = process_time()
    rtf.read(data)
    return process_time() - start
