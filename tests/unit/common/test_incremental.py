import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.common import transfer
from services.common.incremental import decoder

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


def test_base64_holds_back_less_than_a_line() -> None:
    decoding = decoder("base64")
    given_back = decoding.feed(b"QUJD" * 19 + b"\r\n" + b"QUJD")
    assert given_back == b"ABC" * 19
    assert decoding.finish() == b"ABC"


@pytest.mark.parametrize("before", [b"", b"QUJD\r\n", b"QQ", b"QQ=", b"QQ==QUJD"])
@pytest.mark.parametrize("endless", [b"QUJD", b"=", b"\n", b" "])
def test_base64_without_end_takes_no_more_memory_than_a_few_blocks(before: bytes, endless: bytes) -> None:
    decoding, block = decoder("base64"), endless * ((1 << 16) // len(endless))
    decoding.feed(before)
    tracemalloc.start()
    try:
        for _ in range(64):
            decoding.feed(block)
        assert tracemalloc.get_traced_memory()[1] < 16 * len(block)
    finally:
        tracemalloc.stop()
