import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.common.message import incremental, transfer
from services.common.message.incremental import Decoder, decoder

BLOCK, BLOCKS_FED = 1 << 14, 128

LETTERS = st.sampled_from(
    [b"Q", b"U", b"JD", b"=", b"\n", b"\r\n", b" ", b"=3D", b"=4", b"1", b"\t", b"!", b"begin 644 x\n", b"#0V%T\n"]
)
BLOCKS = st.lists(st.lists(LETTERS, max_size=12).map(b"".join), max_size=6)


@given(BLOCKS, st.sampled_from(["identity", "base64", "quoted-printable", "uuencode"]))
@example([b"QUJD\nQQ", b"==\n"], "base64")
@example([b"QQ==", b"QUJD"], "base64")
@example([b"QQ==", b"==\n=", b"QUJD"], "base64")
@example([b"QUJDQ", b"UJDQ", b"Q"], "base64")
@example([b"==\n", b"Q"], "quoted-printable")
@example([b"=4=\n", b"1= \nQ=", b" \t"], "quoted-printable")
def test_blocks_give_what_the_whole_gives(blocks: Sequence[bytes], encoding: str) -> None:
    decoding = decoder(encoding)
    octets = b"".join([*[decoding.feed(block) for block in blocks], decoding.finish()])
    assert (octets, decoding.defect) == transfer.decode(b"".join(blocks), encoding)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BLOCKS)
@example([b"=", b"="])
@example([b"= ", b"= ", b"\n"])
@example([b"1=\r", b"\n1=4", b"1=", b"3D"])
@example([b"1 ", b"\n= ", b"1"])
def test_a_line_in_pieces_gives_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch, blocks: Sequence[bytes]) -> None:
    monkeypatch.setattr(incremental, "_LONGEST_LINE", 0)
    test_blocks_give_what_the_whole_gives.hypothesis.inner_test(blocks, "quoted-printable")


UU = st.sampled_from([b"begin 644 x", b"end", b"#0V%T", b"!", b"\x7f", b" ", b"\n", b"\r\n", b"\r", b"x\n" * 99])


@given(st.lists(st.lists(UU, max_size=12).map(b"".join), max_size=6))
@example([b"x\n" * 98 + b"begin 644 x\n", b"#0V%T\n"])
@example([b"x\n" * 100 + b"begin 644 x\n", b"#0V%T\n"])
@example([b"#0V%T\r", b"\n#0V%T\r", b"#0V%T\nend\n", b"#0V%T"])
def test_blocks_of_uuencode_give_what_the_whole_gives(blocks: Sequence[bytes]) -> None:
    test_blocks_give_what_the_whole_gives.hypothesis.inner_test(blocks, "uuencode")


def test_uuencode_takes_no_more_memory_than_a_few_blocks() -> None:
    decoding = decoder("uuencode")
    decoding.feed(b"begin 644 x\n")
    assert octets_taken(decoding, b"#0V%T\r\n") < BLOCKS_FED // 2 * BLOCK


def test_base64_holds_back_less_than_a_line() -> None:
    decoding = decoder("base64")
    given_back = decoding.feed(b"QUJD" * 19 + b"\r\n" + b"QUJD")
    assert given_back == b"ABC" * 19
    assert decoding.finish() == b"ABC"


@pytest.mark.parametrize("before", [b"", b"QUJD\r\n", b"QQ", b"QQ=", b"QQ==QUJD"])
@pytest.mark.parametrize("endless", [b"QUJD", b"=", b"\n", b" "])
def test_base64_without_end_takes_no_more_memory_than_a_few_blocks(before: bytes, endless: bytes) -> None:
    decoding = decoder("base64")
    decoding.feed(before)
    assert octets_taken(decoding, endless) < BLOCKS_FED // 2 * BLOCK


@pytest.mark.parametrize("before", [b"", b"1=41\n", b"1="])
@pytest.mark.parametrize("endless", [b"a", b"=", b"a ", b"= ", b"=41"])
def test_quoted_printable_without_end_takes_no_more_memory_than_a_few_blocks(
    monkeypatch: pytest.MonkeyPatch, before: bytes, endless: bytes
) -> None:
    monkeypatch.setattr(incremental, "_LONGEST_LINE", BLOCK)
    decoding = decoder("quoted-printable")
    decoding.feed(before)
    assert octets_taken(decoding, endless) < BLOCKS_FED // 2 * BLOCK


def octets_taken(decoding: Decoder, endless: bytes) -> int:
    """The most memory in use while blocks of the same are fed."""
    block = endless * (BLOCK // len(endless))
    tracemalloc.start()
    try:
        for _ in range(BLOCKS_FED):
            decoding.feed(block)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
