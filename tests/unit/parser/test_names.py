import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.objects import attachment_key
from services.parser.mime import names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("..\\..\\evil.exe", "evil.exe"),
        ("/etc/passwd", "passwd"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("CON.txt", "_CON.txt"),
        ("con .txt", "_con .txt"),
        ("com¹", "_com¹"),
        ("CONIN$", "_CONIN$"),
        ("a\u061cgpj.exe", "agpj.exe"),
        ("合同.pdf", "合同.pdf"),
        ("e\u0301.txt", "é.txt"),
        ('a<b>:"c|?*.txt', "a_b___c___.txt"),
        ("a\ufffe\uffff.pdf", "a.pdf"),
        ("a__XLDIR__", "a__xldir__"),
        ("合同__XLDIR__", "合同__xldir__"),
        ("aux.__XLDIR__", "_aux.__xldir__"),
        ("con" + " " * 300 + "x.txt", "_con.txt"),
        ("nul" + " " * 300 + "x", "_nul"),
        ("...", "part-1.2.pdf"),
        ("", "part-1.2.pdf"),
        (None, "part-1.2.pdf"),
    ],
)
def test_safe(name: str | None, expected: str) -> None:
    assert names.safe(name, "1.2", "application/pdf") == expected


def test_a_long_name_keeps_its_extension() -> None:
    found = names.safe("文" * 200 + ".pdf", "1", "application/pdf")
    assert len(found.encode()) <= 255
    assert found.endswith("文.pdf")


def test_types_by_name() -> None:
    assert names.media_type("a.pdf") == "application/pdf"
    assert names.media_type(None) == "application/octet-stream"


DEVICES = ["con", "aux.", "COM1"]
LONG = [" " * 260, "." * 255, "文" * 90, "x" * 240]
ODD = [*DEVICES, *LONG, "\u200b", "\u202e", "e\u0301", "__XLDIR__", "__XL", "DIR__", "\\", "/", ":", ".txt"]


@given(st.lists(st.text(max_size=5) | st.sampled_from(ODD), max_size=12).map("".join))
def test_every_name_is_one_segment(name: str) -> None:
    found = names.safe(name, "1", "text/plain")
    assert found
    assert found[0] not in " ."
    assert found[-1] not in " ."
    assert len(found.encode()) <= 255
    assert not set(found) & set('/\\\0\r\n<>:"|?*')
    assert "__XLDIR__" not in found
    assert not names._DEVICE.match(found)
    assert attachment_key("work", "0" * 64, found).endswith(f"/{found}")


@given(st.text(max_size=400))
def test_what_is_safe_stays_as_it_is(name: str) -> None:
    found = names.safe(name, "1", "text/plain")
    assert names.safe(found, "1", "text/plain") == found
