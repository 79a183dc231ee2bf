from dataclasses import dataclass, field
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.parser.mime import parse_message, parse_source
from services.parser.mime.stream import Window


@dataclass
class Memory:
    raw: bytes
    reads: list[tuple[int, int]] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.raw)

    def read(self, offset: int, length: int) -> bytes:
        self.reads.append((offset, length))
        return self.raw[offset : offset + length]


FEW = st.sampled_from(b"-\n")  # so few that one block often ends within what is looked for


@given(
    st.lists(FEW, max_size=60).map(bytes),
    st.lists(FEW, min_size=1, max_size=6).map(bytes),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(2, 8),
)
def test_a_window_finds_and_cuts_as_bytes_do(raw: bytes, sub: bytes, start: int, end: int, block: int) -> None:
    window = Window(Memory(raw), block)
    assert window.find(sub, start, end) == raw.find(sub, start, end)
    assert window[start:end] == raw[start:end]
    assert window.sha256() == sha256(raw).hexdigest()


@pytest.mark.parametrize("at", range(20))
def test_what_lies_across_a_border_is_found_wherever_it_begins(at: int) -> None:
    raw = b"." * at + b"\n--" + b"." * 20
    assert Window(Memory(raw), 8).find(b"\n--", 0, len(raw)) == at


def test_a_hash_needs_no_second_pass() -> None:
    source = Memory(b"x" * 100)
    window = Window(source, 10)
    assert window.find(b"y", 0, 100) == -1
    assert window.sha256() == sha256(source.raw).hexdigest()
    assert len(source.reads) == 10


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit", "x-uuencode"])
def test_a_streamed_message_is_the_same_and_its_files_are_ranges(encoding: str) -> None:
    raw = (
        b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
        b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n"
        + b"QUJD" * 18 + b"\r\n" + b"QUI=\r\n--b--\r\n"
    )  # fmt: skip
    streamed, whole = parse_source(Memory(raw)), parse_message(raw)
    assert msgspec.json.encode(streamed.email) == msgspec.json.encode(whole.email)
    (file,), (held,) = streamed.files, whole.files
    assert file.data is None
    assert held.data is not None
    assert (file.sha256, file.size) == (held.sha256, len(held.data))
    assert raw[file.offset : file.offset + file.length].endswith(b"QUI=")


def test_reading_takes_few_octets_at_a_time() -> None:
    raw = (
        b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + (b"QUJD" * 19 + b"\r\n") * 60_000
    )
    source = Memory(raw)
    parse_source(source)
    assert max(length for _, length in source.reads) <= 1 << 18
