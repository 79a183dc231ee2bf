"""The messages and the parsers that ``benchmarks.parser`` compares."""

import base64
import binascii
import quopri
import random
from collections.abc import Callable
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import getaddresses, parsedate_to_datetime
from hashlib import sha256

import msgspec

MIX_LARGEST = 300_000
MIX_MESSAGES = 737

Parse = Callable[[bytes], object]
_ENCODER = msgspec.json.Encoder()


def rows(*, quick: bool) -> dict[str, list[bytes]]:
    """Messages by row. The mix is that of the corpus: classic, broken and ordinary mail below 300 kB."""
    from tests.corpus_mail import messages

    mix = [raw for raw in messages(MIX_MESSAGES + 60) if len(raw) < MIX_LARGEST][:MIX_MESSAGES]
    found = {
        "mix": mix[:: 5 if quick else 1],
        "10 KB QP": [_quoted_printable()] * (20 if quick else 100),
        "100 KB HTML + images": [_html()] * (5 if quick else 20),
        "5 MB attachment": [attachment(5)],
        "25 MB attachment": [attachment(25)],
        "worst case": _worst(),
    }
    return {name: raws for name, raws in found.items() if not (quick and name == "25 MB attachment")}


def _head(name: str, content: str) -> bytes:
    return (
        f"From: Ann <ann@example.org>\r\nTo: Bob <bob@example.net>\r\nDate: Mon, 2 Nov 2026 09:30:00 +0100\r\n"
        f"Message-ID: <{name}@example.org>\r\nSubject: =?utf-8?Q?B=C3=BCcher?= {name}\r\n"
        f"MIME-Version: 1.0\r\n{content}\r\n\r\n"
    ).encode()


def _quoted_printable() -> bytes:
    text = "Größere Bücher, älter als üblich, kosten = mehr als 100 €. Ordinary words in between.\n" * 100
    body = quopri.encodestring(text.encode()).replace(b"\n", b"\r\n")
    return _head("qp", "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable") + body


def _html() -> bytes:
    line = '<tr><td class="a">Cell &amp; text</td><td><a href="https://example.org/{0}">link {0}</a></td></tr>\r\n'
    page = "<html><body><table>" + "".join(line.format(number) for number in range(250)) + "</table></body></html>"
    parts = [b"Content-Type: text/html; charset=utf-8\r\n\r\n" + page.encode()]
    for number in range(3):
        image = base64.encodebytes(random.Random(number).randbytes(18_000)).replace(b"\n", b"\r\n")
        head = f"Content-Type: image/png\r\nContent-ID: <i{number}>\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        parts.append(head.encode() + image)
    return _multipart("html", parts)


def attachment(megabytes: int) -> bytes:
    """A message with a text and a base64 file of so many MiB."""
    data = random.Random(megabytes).randbytes(megabytes << 20)
    file = binascii.b2a_base64(data, newline=False)
    lines = b"\r\n".join([file[at : at + 76] for at in range(0, len(file), 76)])
    head = b"Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return _multipart("big", [b"Content-Type: text/plain\r\n\r\nSee the file.\r\n", head + lines])


def _multipart(name: str, parts: list[bytes]) -> bytes:
    body = b"".join(b"--=_bench_boundary\r\n" + part + b"\r\n" for part in parts)
    return (
        _head(name, 'Content-Type: multipart/mixed; boundary="=_bench_boundary"') + body + b"--=_bench_boundary--\r\n"
    )


def _worst() -> list[bytes]:
    """What costs other parsers seconds, in sizes that they survive."""
    pieces = "".join(f';\r\n filename*{number}="x"' for number in range(1_000))
    brackets = b"To: " + b"(" * 2_000 + b"a@example.org\r\n\r\nx"
    nested = b"x"
    for number in range(60):
        nested = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number) + nested + b"\r\n"
    return [
        _head("pieces", f"Content-Type: text/plain\r\nContent-Disposition: attachment{pieces}") + b"x",
        brackets,
        b"Subject: deep\r\n" + nested,
        _multipart("parts", [b"\r\nx"] * 2_000),
        b"Subject: " + b"=?utf-8?Q?=C3=BC?= " * 5_000 + b"\r\n\r\nx",
    ]


def limit(raw: bytes) -> object:
    """What no parser can do without: find the boundaries, decode the file, hash it and the message."""
    import pybase64

    at, size = 0, 0
    while (end := raw.find(b"\r\n--=_bench_boundary", at)) >= 0:
        start = raw.find(b"\r\n\r\n", at, end)
        if raw.find(b"base64", at, start) >= 0:
            data = pybase64.b64decode(memoryview(raw)[start:end])
            size += len(sha256(data).digest())
        at = end + 2
    return sha256(raw).digest(), size


def ours(raw: bytes) -> object:
    """Mailweir: the event as JSON, with the hashes of the message and of every part."""
    from services.parser.mime import parse

    return _ENCODER.encode(parse(raw))


def streamed(raw: bytes) -> object:
    """Mailweir, read by blocks."""
    from services.parser.mime import parse_source
    from tests.mail_invariants import Memory

    return _ENCODER.encode(parse_source(Memory(raw)).email)


def stdlib(raw: bytes) -> object:
    """``email`` with the default policy, everything decoded."""
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    found: list[object] = [str(message["subject"])]
    for name in ("from", "to", "cc"):
        found += getattr(message[name], "addresses", ())
    found.append(getattr(message["date"], "datetime", None))
    for part in message.walk():
        if not part.is_multipart():
            text = part.get_content_maintype() == "text"
            found.append(
                part.get_content() if text and isinstance(part, EmailMessage) else part.get_payload(decode=True)
            )
            found.append(part.get_filename())
    return found


def compat32(raw: bytes) -> object:
    """``email`` with the old policy, everything decoded."""
    message: Message = message_from_bytes(raw)
    found: list[object] = [str(make_header(decode_header(str(message.get("subject", "")))))]
    found += getaddresses([str(value) for name in ("from", "to", "cc") for value in message.get_all(name, [])])
    if message.get("date"):
        found.append(parsedate_to_datetime(str(message["date"])))
    for part in message.walk():
        if not part.is_multipart():
            data = part.get_payload(decode=True)
            if part.get_content_maintype() == "text" and isinstance(data, bytes):
                found.append(data.decode(part.get_content_charset("utf-8"), "replace"))
            found += [data, part.get_filename()]
    return found


def mail_parser(raw: bytes) -> object:
    """mail-parser."""
    import mailparser

    mail = mailparser.parse_from_bytes(raw)
    return mail.subject, mail.from_, mail.to, mail.cc, mail.date, mail.body, mail.attachments


def fast_mail_parser(raw: bytes) -> object:
    """fast-mail-parser, Rust inside: no offsets, no hashes, no JSON."""
    import fast_mail_parser as fast

    mail = fast.parse_email(raw)
    found: list[object] = [mail.subject, mail.date_parsed, mail.from_, mail.to, mail.cc, mail.headers]
    found += [*mail.text_plain, *mail.text_html]
    for file in mail.attachments:
        found += [file.content, file.filename, file.mimetype]  # made when asked for
    return found


PARSERS: dict[str, Parse] = {
    "mailweir": ours,
    "stdlib default": stdlib,
    "stdlib compat32": compat32,
    "mail-parser": mail_parser,
    "fast-mail-parser": fast_mail_parser,
}
EXTRA: dict[str, Parse] = {"mailweir streamed": streamed, "find+base64+sha256": limit}
