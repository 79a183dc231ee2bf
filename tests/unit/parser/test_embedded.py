import base64
import binascii

from hypothesis import given, settings
from hypothesis import strategies as st

from services.parser.mime.embedded import extract

ANY = bytes(range(256)) * 4
BINHEX = rb"""!"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"""
MARKS = [b"begin 644 a\n", b"M", b"`\n", b"end\n", b"=ybegin name=a\n", b"\n=yend", b"=", b":", b"\n", b"\x90", b"!!!!"]
MARKS += [b"(This file must be converted with BinHex 4.0)\n:"]
BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def uuencode(data: bytes, name: bytes) -> bytes:
    lines = b"".join(binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45))
    return b"begin 644 " + name + b"\n" + lines + b"`\nend\n"


def yencode(data: bytes, name: bytes) -> bytes:
    shifted = bytes((octet + 42) & 255 for octet in data)
    for octet in (61, 0, 10, 13):
        shifted = shifted.replace(bytes([octet]), b"=" + bytes([octet + 64]))
    head = b"=ybegin line=128 size=%d name=%b\r\n" % (len(data), name)
    return head + shifted + b"\r\n=yend size=%d\r\n" % len(data)


def binhex(data: bytes, name: bytes) -> bytes:
    head = bytes([len(name)]) + name + b"\0TEXTttxt\0\0" + len(data).to_bytes(4, "big") + bytes(4) + b"cc"
    return letters_of((head + data + b"cccc").replace(b"\x90", b"\x90\0"))


def letters_of(packed: bytes) -> bytes:
    letters = base64.b64encode(packed + bytes(-len(packed) % 3)).translate(bytes.maketrans(BASE64, BINHEX))
    lines = b"\r\n".join(letters[at : at + 64] for at in range(0, len(letters), 64))
    return b"(This file must be converted with BinHex 4.0)\r\n\r\n:" + lines + b":\r\n"


def test_files_of_three_kinds_in_order_with_their_places() -> None:
    text = (
        b"Hi\n" + uuencode(ANY, b"a b.bin") + b"and\r\n" + yencode(ANY, b"c.jpg") + b"and\n" + binhex(ANY, b"Read Me")
    )
    found = extract(text)
    assert [(file.name, file.data == ANY) for file in found.files] == [
        ("a b.bin", True),
        ("c.jpg", True),
        ("Read Me", True),
    ]
    assert found.defects == ()
    starts = [text[file.offset : file.offset + 6] for file in found.files]
    assert starts == [b"begin ", b"=ybegi", b"(This "]
    assert text[found.files[0].offset + found.files[0].length :].startswith(b"\nand\r\n=ybegin")
    assert text[found.files[1].offset + found.files[1].length :].startswith(b"\nand\n(This file")
    assert text[found.files[2].offset + found.files[2].length :] == b"\r\n"


def test_runs_of_binhex_are_repeated_as_often_as_they_say() -> None:
    head = b"\x01x\0TEXTttxt\0\0" + (11).to_bytes(4, "big") + bytes(4) + b"cc"
    found = extract(letters_of(head + b"ab\x90\x05c\x90\0\x90\x03d" + b"cccc"))
    assert ([file.data for file in found.files], found.defects) == ([b"abbbbbc\x90\x90\x90d"], ())


def test_a_file_that_does_not_end_reaches_to_the_end() -> None:
    for text in (yencode(ANY, b"a").partition(b"\r\n=yend")[0], uuencode(ANY, b"a").partition(b"`\n")[0]):
        (file,) = extract(b"Hi\n" + text).files
        assert (file.offset, file.length) == (3, len(text))
        assert file.data[:100] == ANY[:100]


def test_prose_is_no_file() -> None:
    assert extract(b"We begin 644 times\nbegin the work\nbegin 644 of them\nwith care\n").files == ()
    assert extract(b"plain text").files == ()


def test_base64_in_uuencode_clothes() -> None:
    assert extract(b"begin-base64 644 x.txt\nSGVsbG8=\n====\n").files[0].data == b"Hello"


def test_damage_is_told() -> None:
    assert extract(uuencode(ANY, b"x")[:-6]).defects == ("embedded.unfinished",)
    assert extract(yencode(ANY, b"x").replace(b"size=1024\r\n", b"size=9\r\n")).defects == ("embedded.damaged",)
    part = yencode(ANY, b"x").replace(b"=ybegin ", b"=ybegin part=1 total=2 ")
    assert extract(part).defects == ("embedded.partial",)
    assert extract(binhex(ANY, b"x")[:200]).defects == ("embedded.damaged",)


def test_runs_of_binhex_are_unpacked_within_bounds() -> None:
    head = b"\x01r\0TEXTttxt\0\0" + (10).to_bytes(4, "big") + bytes(4) + b"cc"
    packed = head + b"a\x90\x0a" + b"cccc"
    letters = base64.b64encode(packed + bytes(-len(packed) % 3)).translate(bytes.maketrans(BASE64, BINHEX))
    assert extract(b"(This file must be converted with BinHex 4.0)\n:" + letters + b":").files[0].data == b"a" * 10


def test_no_more_than_a_hundred() -> None:
    hundred = extract(uuencode(b"x", b"a") * 100)
    assert (len(hundred.files), hundred.defects) == (100, ())
    more = extract(uuencode(b"x", b"a") * 100 + yencode(b"x", b"last"))
    assert (len(more.files), more.defects) == (100, ("limit.files",))


@settings(deadline=None)
@given(st.binary(max_size=120), st.sampled_from([uuencode, yencode, binhex]))
def test_what_was_encoded_comes_back(data: bytes, encode: object) -> None:
    assert callable(encode)
    (file,) = extract(b"x\n" + encode(data, b"n")).files
    assert file.data == data


@settings(deadline=None)
@given(st.lists(st.sampled_from(MARKS), max_size=40))
def test_any_order_of_marks_is_survived(pieces: list[bytes]) -> None:
    for file in extract(b"".join(pieces)).files:
        assert "\0" not in (file.name or "")
