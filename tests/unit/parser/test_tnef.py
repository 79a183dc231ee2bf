import logging
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tnefparse import TNEF

from services.parser.mime.tnef import is_tnef, read
from tests.unit.parser.tnef_builder import (
    BODY,
    MESSAGE,
    MESSAGE_PROPERTIES,
    attribute,
    file,
    prop,
    properties,
    stream,
    unicode,
)

LONG = [prop(0x3707, 0x1F, unicode("a long näme.txt")), prop(0x370E, 0x1E, b"Text/Plain\0")]
LONG += [prop(0x3712, 0x1F, unicode("<c1>"))]
TWO = stream(attribute(1, BODY, b"Hello\0"), file(b"ALONGN~1.TXT", b"one", LONG), file(b"b.bin", b"two"))


def test_files_with_their_long_names() -> None:
    found = read(TWO)
    assert [(item.name, item.type, item.cid, item.data) for item in found.files] == [
        ("a long näme.txt", "text/plain", "c1", b"one"),
        ("b.bin", None, None, b"two"),
    ]
    assert (found.text, found.html, found.defects) == ("Hello", None, ())
    assert TWO[found.files[1].offset :].startswith(bytes(14))


def test_the_library_sees_the_same_files() -> None:
    assert [(item.long_filename(), item.data) for item in TNEF(TWO).attachments] == [
        (item.name, item.data) for item in read(TWO).files
    ]


def test_names_in_the_code_page_of_the_sender() -> None:
    found = read(stream(file("合同.doc".encode("gbk"), b"x"), codepage=936))
    assert found.files[0].name == "合同.doc"


def test_bodies_of_the_property_list() -> None:
    items = properties(prop(0x1000, 0x1F, unicode("plain ä")), prop(0x1013, 0x102, "<p>ä</p>".encode()))
    found = read(stream(attribute(1, MESSAGE_PROPERTIES, items)))
    assert (found.text, found.html) == ("plain ä", "<p>ä</p>")


@pytest.mark.parametrize(
    ("page", "codec", "number"),
    [
        ("<p>Привет</p>", "cp1251", 1251),
        ("<p>Привет</p>", "koi8-r", 20866),
        ("<p>zażółć</p>", "iso8859-2", 28592),
        ("<p>你好</p>", "gbk", 936),
        ("<meta charset=gb2312><p>你好</p>", "gbk", None),
        ("<p>ä</p>", "utf-8", 65001),
    ],
)
def test_an_html_body_is_in_the_code_page_of_the_internet(page: str, codec: str, number: int | None) -> None:
    said = [] if number is None else [struct.pack("<HHI", 3, 0x3FDE, number)]
    items = properties(prop(0x1013, 0x102, page.encode(codec)), *said)
    assert read(stream(attribute(1, MESSAGE_PROPERTIES, items), codepage=1252)).html == page


def test_named_fixed_and_repeated_properties_are_stepped_over() -> None:
    named = struct.pack("<HH", 3, 0x8001) + bytes(16) + struct.pack("<II", 1, 6) + b"a\0b\0\0\0\0\0" + bytes(4)
    many = (
        struct.pack("<HHI", 0x101E, 0x6000, 2) + struct.pack("<I", 2) + b"x\0\0\0" + struct.pack("<I", 2) + b"y\0\0\0"
    )
    short = struct.pack("<HHHH", 0xB, 0x7FFE, 1, 0)
    found = read(stream(file(b"x", b"1", [named, many, short, prop(0x3707, 0x1E, b"after.txt\0")])))
    assert found.files[0].name == "after.txt"


def test_an_embedded_message_is_a_file_and_its_files_follow() -> None:
    inner = stream(file(b"inner.txt", b"deep"))
    outer = stream(file(b"fwd", None, [prop(0x3701, 0xD, MESSAGE + inner)]), file(b"last.txt", b"z"))
    found = read(outer)
    assert [(item.name, item.type) for item in found.files] == [
        ("fwd", "application/ms-tnef"),
        ("last.txt", None),
        ("inner.txt", None),
    ]
    assert found.files[0].data == inner


def test_more_files_than_are_told_are_said_to_be_there() -> None:
    many = [read(stream(*[file(b"a", b"x")] * count)) for count in (200, 201)]
    assert [(len(found.files), found.defects) for found in many] == [(200, ()), (200, ("limit.tnef-files",))]
    inner = stream(*[file(b"a", b"x")] * 200)
    nested = read(stream(file(b"fwd", None, [prop(0x3701, 0xD, MESSAGE + inner)])))
    assert (len(nested.files), nested.defects) == (200, ("limit.tnef-files",))


def test_embedded_messages_are_followed_five_levels_down() -> None:
    data = stream(file(b"core", b"x"))
    for _ in range(9):
        data = stream(file(b"fwd", None, [prop(0x3701, 0xD, MESSAGE + data)]))
    found = read(data)
    assert (len(found.files), found.defects) == (5, ("limit.tnef-files",))


@pytest.mark.parametrize("cut", [5, 12, 30, 80])
def test_a_cut_stream_gives_what_is_there(cut: int) -> None:
    found = read(TWO[:-cut])
    assert found.files[0].data == b"one"
    assert found.defects == ("tnef.damaged",)


def test_a_count_of_four_billion_costs_nothing() -> None:
    hostile = struct.pack("<I", 0xFFFFFFFF) + struct.pack("<HHI", 0x1E, 0x3707, 0xFFFFFFFF)
    assert len(read(stream(file(b"a", b"x", [hostile]))).files) == 1


def test_type_or_signature() -> None:
    assert is_tnef("application/ms-tnef", b"")
    assert is_tnef("application/octet-stream", TWO)
    assert not is_tnef("application/pdf", b"%PDF")
    assert read(b"%PDF").defects == ("tnef.not-tnef",)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(TWO)), st.binary(max_size=40), st.integers(0, 60))
def test_any_damage_is_survived(at: int, junk: bytes, gone: int) -> None:
    logging.getLogger("tnefparse").disabled = True
    for item in read(TWO[:at] + junk + TWO[at + gone :]).files:
        assert "\0" not in (item.name or "")
