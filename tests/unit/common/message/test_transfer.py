import base64
import binascii
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.message import transfer

ENCODINGS = ["identity", "base64", "quoted-printable", "uuencode"]


@pytest.mark.parametrize(
    ("label", "encoding", "known"),
    [
        (None, "identity", True),
        (" 7BIT ", "identity", True),
        ("Base64", "base64", True),
        ('"quoted-printable"', "quoted-printable", True),
        ("x-uue", "uuencode", True),
        ("base64; foo", "base64", True),
        ("8 bit", "identity", False),
        ("utf-8", "identity", False),
    ],
)
def test_labels(label: str | None, encoding: str, known: bool) -> None:
    assert transfer.canonical(label) == (encoding, known)


@pytest.mark.parametrize(
    ("sent", "octets", "defect"),
    [
        (b"aGVsbG8=\r\n", b"hello", None),
        (b"aGVsbG8", b"hello", "transfer.base64-damaged"),
        (b"aGVsbG8=\nIHdvcmxk\n", b"hello world", "transfer.base64-damaged"),
        (b"aG!Vs bG8=", b"hello", None),
        (b"aGVsbG8=Q", b"hello", "transfer.base64-damaged"),
        (b"", b"", None),
    ],
)
def test_base64_takes_damage(sent: bytes, octets: bytes, defect: str | None) -> None:
    assert transfer.base64(sent) == (octets, defect)


@pytest.mark.parametrize(
    ("sent", "octets"),
    [
        (b"a=3Db=c3=A9", b"a=b\xc3\xa9"),
        (b"soft=\r\nbreak", b"softbreak"),
        (b"soft=\r\r\nbreak", b"softbreak"),
        (b"soft=  \t\nbreak", b"softbreak"),
        (b"bad =ZZ and =4", b"bad =ZZ and =4"),
        (b"a==b", b"a==b"),
        (b"a=====41=", b"a====A"),
        (b"a=4=\n1", b"a=41"),
        (b"old=\rmac", b"oldmac"),
    ],
)
def test_quoted_printable_takes_damage(sent: bytes, octets: bytes) -> None:
    assert transfer.quoted_printable(sent)[0] == octets


def test_uuencode_with_and_without_frame() -> None:
    assert transfer.uuencode(b"#0V%T\n`\n") == (b"Cat", None)
    assert transfer.uuencode(b"text\nbegin 644 cat.txt\n#0V%T\n`\nend\nmore\n") == (b"Cat", None)


@given(st.binary(max_size=300), st.sampled_from([b"\n", b"\r\n"]))
def test_what_was_encoded_comes_back(octets: bytes, newline: bytes) -> None:
    assert transfer.base64(base64.encodebytes(octets).replace(b"\n", newline)) == (octets, None)
    assert transfer.quoted_printable(binascii.b2a_qp(octets, istext=False))[0] == octets


@given(st.binary(max_size=200), st.sampled_from(ENCODINGS))
def test_nothing_raises(octets: bytes, encoding: str) -> None:
    decoded, _ = transfer.decode(octets, encoding)
    assert isinstance(decoded, bytes)


@given(st.lists(st.sampled_from([b"=", b"3D", b" ", b"\t", b"\n", b"\r\n", b"\r", b"a"]), max_size=30).map(b"".join))
def test_lines_are_repaired_one_by_one_as_all_at_once(sent: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer, "_SLICE", 0)
        one_by_one = transfer.quoted_printable(sent)
    assert one_by_one == transfer.quoted_printable(sent)


@given(st.lists(st.sampled_from([b"begin 644 x", b"end", b"#0V%T", b"#0V%T x", b"!", b"\x7f", b" ", b"\n", b"\r"])))
def test_lines_of_uuencode_are_read_one_by_one_as_all_at_once(pieces: list[bytes]) -> None:
    sent = b"".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer, "_SLICE", 0)
        one_by_one = transfer.uuencode(sent)
    assert one_by_one == transfer.uuencode(sent)


@pytest.mark.parametrize(
    ("encoding", "piece"),
    [(name, piece) for name, pieces in {
        "base64": (b"Q=", b"=Q", b"QUJD=", b"QUI=\n"), "quoted-printable": (b"==\n", b"= \n", b"a=\nb= \n", b"=== =\r"),
        "uuencode": (b"!\x7f\n", b"#86\x7fC\r", b"!\x7f\r\n"),
    }.items() for piece in pieces],
)  # fmt: skip
def test_damage_everywhere_takes_a_few_times_the_memory_of_the_octets(encoding: str, piece: bytes) -> None:
    sent = piece * ((1 << 20) // len(piece))
    tracemalloc.start()
    try:
        _, defect = transfer.decode(sent, encoding)
        assert tracemalloc.get_traced_memory()[1] < 24 * len(sent)
    finally:
        tracemalloc.stop()
    assert defect == f"transfer.{encoding}-damaged"
