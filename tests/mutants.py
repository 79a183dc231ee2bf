"""Damaged mail: the same seed gives the same mutants, so that a finding can be repeated."""

from collections.abc import Iterator, Sequence
from random import Random

_TOKENS = (
    b"\r\n", b"\n", b"\r", b"\0", b"\x80", b"\xff\xfe", b"--", b"=?utf-8?B?", b"?=", b"=?gb2312?Q?=", b"=",
    b"==", b"\r\n\r\n", b"boundary=", b'"', b";", b"*0*=utf-8''%", b"*1=", b"<", b">", b"(", b")", b",", b":",
    b"%zz", b"\x1b$B", b"Content-Type: multipart/mixed; boundary=x\r\n",
    b"Content-Type: message/rfc822\r\n\r\n", b"--x\r\n", b"--x--\r\n", b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n", b"charset=utf-7;", b"charset=iso-2022-jp",
    b"begin 644 a\r\n", b"=ybegin name=a\r\n", b"x\x9f>\"", b"\xe2\x80\xae", b"From a Mon 10:00 2026\n",
    b"BEGIN:VCALENDAR\r\n", b"<a href=\"", b"<!--", b"&#x1F600;", b"\xed\xa0\x80", b"%00", b"=00", b"&#0;",
    b"=?utf-8?Q?=00=0A?=",
)  # fmt: skip


def mutants(seeds: Sequence[bytes], count: int, seed: int = 0) -> Iterator[bytes]:
    """``count`` damaged copies of ``seeds``: cut, swapped, repeated, overwritten, spliced with syntax."""
    random = Random(seed)
    for _ in range(count):
        raw = bytearray(random.choice(seeds))
        for _ in range(random.choice((1, 1, 2, 3, 5, 8))):
            _mutate(raw, random, seeds)
        yield bytes(raw)


def _mutate(raw: bytearray, random: Random, seeds: Sequence[bytes]) -> None:
    at = random.randrange(len(raw) + 1)
    span = random.choice((1, 2, 4, 16, 64, 256))
    kind = random.randrange(8)
    if kind == 0:
        del raw[at : at + span]
    elif kind == 1:
        raw[at:at] = random.choice(_TOKENS)
    elif kind == 2:
        raw[at : at + 1] = bytes([random.randrange(256)])
    elif kind == 3:
        raw[at:at] = raw[at : at + span] * random.choice((1, 2, 10))
    elif kind == 4:
        del raw[at:]
    elif kind == 5:
        other = random.choice(seeds)
        start = random.randrange(len(other) + 1)
        raw[at : at + span] = other[start : start + span]
    elif kind == 6:
        raw[at : at + span] = random.choice(_TOKENS) * random.choice((1, 3))
    else:
        raw[at : at + span] = bytes(reversed(raw[at : at + span]))
