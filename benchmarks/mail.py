"""Synthetic mail for benchmarks: mixed like a mailbox, the same bytes on every run, 32 kB on average."""

import base64
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

_WORDS = ("sluice", "gate", "water", "level", "report", "budget", "meeting", "weir", "river", "bank", "pump", "order")
_CHINESE = ["合同", "会议", "报告", "水位", "闸门", "订单", "发票", "计划", "通知", "预算"]
_START = datetime(2026, 1, 1, tzinfo=UTC)
# share of messages, smallest and largest attachment in octets; the mean over all is about 32 kB with text
_KINDS = ((0.70, 0, 0), (0.20, 8_000, 60_000), (0.08, 60_000, 218_000), (0.02, 200_000, 880_000))


def messages(count: int, seed: int = 7) -> Iterator[bytes]:
    """``count`` messages: text, text and HTML, and one in three with an attachment."""
    chance = random.Random(seed)
    for number in range(count):
        yield _message(number, chance)


def _message(number: int, chance: random.Random) -> bytes:
    text = _text(chance, chance.randint(30, 600))
    size = _attachment_size(chance)
    body = _multipart(number, text, size, chance) if size or number % 3 == 0 else _plain(text)
    return _head(number, chance) + body


def _head(number: int, chance: random.Random) -> bytes:
    date = format_datetime(_START + timedelta(minutes=7 * number))
    sender = f"person{chance.randint(1, 400)}@example{chance.randint(1, 40)}.test"
    subject = base64.b64encode(f"{chance.choice(_CHINESE)} {number}".encode()).decode()
    lines = (
        f"Received: from mx.example.test by mail.example.test; {date}",
        f"From: Sender {number} <{sender}>",
        "To: reader@example.test",
        f"Subject: =?utf-8?B?{subject}?=",
        f"Date: {date}",
        f"Message-ID: <bench-{number}@example.test>",
        "MIME-Version: 1.0",
        "",
    )
    return "\r\n".join(lines).encode()


def _text(chance: random.Random, words: int) -> str:
    chosen = [chance.choice(_CHINESE if chance.random() < 0.2 else _WORDS) for _ in range(words)]
    return "\r\n".join(" ".join(chosen[start : start + 12]) for start in range(0, words, 12))


def _plain(text: str) -> bytes:
    head = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return (head + text + "\r\n").encode()


def _multipart(number: int, text: str, size: int, chance: random.Random) -> bytes:
    html = f"<html><body><p>{text.replace(chr(13), '')}</p></body></html>"
    parts = [_plain(text), f"Content-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n".encode()]
    if size:
        data = base64.encodebytes(chance.randbytes(size * 3 // 4)).replace(b"\n", b"\r\n")
        name = f"file-{number}.bin"
        head = f'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="{name}"\r\n'
        parts.append(head.encode() + b"Content-Transfer-Encoding: base64\r\n\r\n" + data)
    mark = f"--bench-{number}".encode()
    top = f"Content-Type: multipart/mixed; boundary=bench-{number}\r\n\r\n".encode()
    return top + b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"


def _attachment_size(chance: random.Random) -> int:
    draw = chance.random()
    for share, low, high in _KINDS:
        if draw < share:
            return chance.randint(low, high) if high else 0
        draw -= share
    return 0
