"""Damaged mail and hostile mail: nothing raises, every invariant holds, cost grows with the size."""

from base64 import encodebytes
from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.parser.mime import parse
from tests.mail_invariants import check_streamed, checked
from tests.mutants import mutants
from tests.unit.parser.tnef_builder import rtf_body

SEEDS = [path.read_bytes() for path in sorted((Path(__file__).parents[2] / "corpus").rglob("*.eml"))]
SMALL = [raw for raw in SEEDS if 0 < len(raw) < 20_000]

MULTIPART = b"Content-Type: multipart/mixed; boundary=b"
HEAD = b"From: a@example.org\r\nSubject: x\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
CALENDAR = HEAD + b"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\n"
STATUS = HEAD + b"Content-Type: message/delivery-status\r\n\r\n"
TNEF_HEAD = HEAD + b"Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: base64\r\n\r\n"
TNEF = HEAD + b'Content-Type: application/ms-tnef\r\n\r\nx\x9f>"\x01\x00'

SYNTAX = [b"\r\n", b"\n", b"\r", b"--b", b"--", b"A: b", b" x", b"=?utf-8?Q?=C3?=", b"\0", b"\xff", b"="]
SYNTAX += [MULTIPART, b"Content-Type: message/rfc822"]
HOSTILE: dict[str, Callable[[int], bytes]] = {
    "nested multiparts": lambda n: (
        HEAD + b"".join(MULTIPART + b"%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(n // 60))
    ),
    "one boundary for all": lambda n: HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * (n // 50),
    "empty parts": lambda n: MIXED + b"--b\r\n\r\n" * (n // 8),
    "boundary prefixes": lambda n: MIXED + b"\r\n--bx" * (n // 6),
    "guesses of a boundary": lambda n: MIXED + b"--c\r\n" * (n // 5),
    "boundaries that are not used": lambda n: (
        MIXED + (b"--b\r\n" + MULTIPART + b"x\r\n\r\n--y\r\nContent-Type: a/b\r\n\r\n") * (n // 80)
    ),
    "dashes": lambda n: MIXED + b"\r\n--" * (n // 4),
    "long header line": lambda n: HEAD + b"X: " + b"a" * n + b"\r\n\r\nx",
    "many fields": lambda n: HEAD + b"X: y\r\n" * (n // 6) + b"\r\nx",
    "folded lines": lambda n: HEAD + b"X:" + b"\r\n y" * (n // 4) + b"\r\n\r\nx",
    "lines without colon": lambda n: HEAD + b"no field\r\nY: y\r\n" * (n // 16) + b"\r\nx",
    "open brackets": lambda n: b"To: " + b"(" * n + b"\r\n\r\nx",
    "angle brackets": lambda n: b"To: " + b"<" * n + b"\r\n\r\nx",
    "quotes": lambda n: b'To: "' + b'\\"' * (n // 2) + b"\r\n\r\nx",
    "addresses": lambda n: b"To: " + b"a@b," * (n // 4) + b"\r\n\r\nx",
    "groups": lambda n: b"To: " + b"g:a@b;," * (n // 7) + b"\r\n\r\nx",
    "word starts": lambda n: b"Subject: " + b"=?utf-8?Q?" * (n // 10) + b"\r\n\r\nx",
    "words": lambda n: b"Subject: " + b"=?utf-8?Q?a?= " * (n // 14) + b"\r\n\r\nx",
    "parameter pieces": lambda n: (
        HEAD + b"Content-Type: text/plain" + b"".join(b"; n*%d=a" % i for i in range(n // 10)) + b"\r\n\r\nx"
    ),
    "parameter quotes": lambda n: HEAD + b'Content-Type: text/plain; a="' + b'\\"; b="' * (n // 8) + b"\r\n\r\nx",
    "message ids": lambda n: HEAD + b"References: " + b"<a@b> " * (n // 6) + b"\r\n\r\nx",
    "unclosed ids": lambda n: HEAD + b"References: " + b"<" * n + b"\r\n\r\nx",
    "date": lambda n: HEAD + b"Date: " + b"Mon, " * (n // 5) + b"\r\n\r\nx",
    "date comments": lambda n: HEAD + b"Date: " + b"(" * n + b"\r\n\r\nx",
    "base64 padding": lambda n: HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=A" * (n // 2),
    "qp signs": lambda n: HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"= \t" * (n // 3),
    "html tags": lambda n: HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>" * (n // 5),
    "html open tags": lambda n: HEAD + b"Content-Type: text/html\r\n\r\n" + b"<a href='" * (n // 9),
    "html comments": lambda n: HEAD + b"Content-Type: text/html\r\n\r\n" + b"<!--" * (n // 4),
    "html entities": lambda n: HEAD + b"Content-Type: text/html\r\n\r\n" + b"&am" * (n // 3),
    "html cids": lambda n: (
        HEAD + b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        + b"<img src=cid:x>" * (n // 15) + b"\r\n--b\r\nContent-ID: <x>\r\n\r\n"
    ),
    "flowed": lambda n: HEAD + b"Content-Type: text/plain; format=flowed\r\n\r\n" + b"> a \r\n" * (n // 6),
    "uuencode starts": lambda n: HEAD + b"\r\n" + b"begin 644 a\r\n" * (n // 13),
    "yenc starts": lambda n: HEAD + b"\r\n" + b"=ybegin name=a\r\n" * (n // 16),
    "calendar": lambda n: CALENDAR + b"BEGIN:VEVENT\r\n" * (n // 14),
    "status groups": lambda n: STATUS + b"Action: x\r\n\r\n" * (n // 13),
    "nested messages": lambda n: HEAD + b"Content-Type: message/rfc822\r\n\r\n" * (n // 32),
    "tnef": lambda n: TNEF + b"\x02\x02\x90\x06\0\0\0\0\0\0\0" * (n // 11),
    "marks": lambda n: b"Subject: " + "\u0301\u0323".encode() * (n // 4) + b"\r\n\r\nx",
    "marks in a name": lambda n: b"Content-Type: text/plain; name=" + "\u0301\u0323".encode() * (n // 4) + b"\r\n\r\n",
    "reports": lambda n: MIXED + b"--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: x\r\n" * (n // 54),
    "calendars": lambda n: (
        MIXED + b"--b\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\n" * (n // 75)
    ),
    "yenc escapes": lambda n: HEAD + b"\r\n=ybegin name=a\r\n" + b"=J" * (n // 2),
    "yenc signs": lambda n: HEAD + b"\r\n=ybegin name=a\r\n" + b"=" * n,
    "boundary look-alikes": lambda n: MIXED + b"\r\n--b-" * (n // 6),
    "vendor characters": lambda n: (
        HEAD + b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + b"\x1b$B-!\x1b(B" * (n // 8)
    ),
    "nested pages": lambda n: (
        MIXED + b"--b\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: text/html\r\n\r\n<b>a</b>\r\n" * (n // 74)
    ),
    "unknown charsets": lambda n: b"Subject: " + b"".join(b"=?x%d?Q?a?= " % i for i in range(n // 16)) + b"\r\n\r\nx",
    "charsets in turn": lambda n: (
        b"Subject: " + b"=?utf-8?B?w6k=?= =?koi8-r?Q?=C1?= " * (n // 34) + b"\r\n\r\nx"
    ),
    "escaped quotes": lambda n: b"To: " + b'"a\\' * (n // 3) + b"\r\n\r\nx",
    "scripts in turn": lambda n: HEAD + b"Content-Type: text/plain; charset=euc-jp\r\n\r\n" + b"\xad\xa1a" * (n // 3),
    "reference of digits": lambda n: HEAD + b"Content-Type: text/html\r\n\r\n&#" + b"1" * n,
    "zone rules": lambda n: CALENDAR + b"BEGIN:VTIMEZONE\r\n" * (n // 17),
    "rtf groups": lambda n: TNEF_HEAD + encodebytes(rtf_body(b"{" * (n * 3 // 4))),
    "bare cr": lambda n: b"Subject: x\r\r" + b"a\r" * (n // 2),
    "nul": lambda n: b"\0" * n,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_mutants_keep_every_invariant(seed: int) -> None:
    for number, raw in enumerate(mutants(SMALL, 400, seed)):
        parsed = checked(raw)
        if number % 8 == 0:
            check_streamed(raw, parsed)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2_000))
@example(rb"\u0000")
def test_any_octets_keep_every_invariant(raw: bytes) -> None:
    check_streamed(raw, checked(raw))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(SYNTAX), max_size=60))
def test_any_order_of_syntax_keeps_every_invariant(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    check_streamed(raw, checked(raw))


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_mail_keeps_every_invariant(kind: str) -> None:
    raw = HOSTILE[kind](6_000)
    check_streamed(raw, checked(raw))


@pytest.mark.parametrize("kind", HOSTILE)
def test_cost_grows_with_the_size_only(kind: str) -> None:
    """Doubling twice: quadratic work takes sixteen times as long, ours near four; a busy machine may try again."""
    small, large = HOSTILE[kind](40_000), HOSTILE[kind](160_000)
    assert any(_seconds(large) < 9 * max(_seconds(small), 0.002) for _ in range(5))


def _seconds(raw: bytes) -> float:
    """The best of three, in processor time, so that neighbours on the machine do not count."""
    return min(_once(raw) for _ in range(3))


def _once(raw: bytes) -> float:
    start = process_time()
    parse(raw)
    return process_time() - start
