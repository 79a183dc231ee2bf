"""The kinds of message in the sample mailbox: each takes a letter and a number and gives content header and body."""

import struct
import zlib
from collections.abc import Callable
from urllib.parse import quote

from services.cli.samples.build import file_part, multipart, text_part
from services.cli.samples.texts import Text

Kind = Callable[[Text, int], bytes]


def plain(text: Text, number: int) -> bytes:
    """One text part; the transfer encoding changes from message to message."""
    encodings = ("quoted-printable", "base64", "8bit") if text.charset != "us-ascii" else ("7bit",)
    return text_part(text.body, text.charset, encodings[number % len(encodings)])


def alternative(text: Text, number: int) -> bytes:
    """Plain text and HTML."""
    return multipart("alternative", f"alt-{number}", [plain(text, number), _html(text)])


def with_pdf(text: Text, number: int) -> bytes:
    """A letter with a PDF whose name is not ASCII (RFC 2231)."""
    name = quote(f"{text.subject[:12]}-{number}.pdf", safe="")
    pdf = file_part(_pdf(number), "application/pdf", f"filename*=utf-8''{name}")
    return multipart("mixed", f"mix-{number}", [plain(text, number), pdf])


def with_image(text: Text, number: int) -> bytes:
    """HTML that shows an image by Content-ID (RFC 2392)."""
    html = text_part(f'<p>{text.subject}</p><img src="cid:pic{number}@reeds.example">', "utf-8", "base64", "html")
    image = f"Content-ID: <pic{number}@reeds.example>\r\n".encode() + file_part(
        _png(number), "image/png", f"filename=pic{number}.png", "inline"
    )
    return multipart("related", f"rel-{number}", [html, image])


def forwarded(text: Text, number: int) -> bytes:
    """A letter that carries another whole message."""
    inner = (
        f"From: {text.address}\r\nSubject: inner {number}\r\nMessage-ID: <inner-{number}@reeds.example>\r\n".encode()
        + plain(text, number)
    )
    nested = b"Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n" + inner
    return multipart("mixed", f"fwd-{number}", [plain(text, number), nested])


def invitation(text: Text, number: int) -> bytes:
    """A meeting request (RFC 5546, RFC 6047)."""
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//reeds//demo//EN",
        "METHOD:REQUEST",
        "BEGIN:VEVENT",
        f"UID:event-{number}@reeds.example",
        "DTSTAMP:20261101T080000Z",
        f"DTSTART:202612{number % 27 + 1:02d}T090000Z",
        f"DTEND:202612{number % 27 + 1:02d}T100000Z",
        f"SUMMARY:{text.subject}",
        f"ORGANIZER:mailto:{text.address}",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    )
    event = text_part("\n".join(lines), "utf-8", "base64", "calendar; method=REQUEST")
    return multipart("alternative", f"cal-{number}", [plain(text, number), event])


def bounce(text: Text, number: int) -> bytes:
    """A delivery report (RFC 3464)."""
    status = (
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.reeds.example\r\n\r\n"
        f"Final-Recipient: rfc822; {text.address}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    )
    returned = (
        f"Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: <sent-{number}@reeds.example>\r\nSubject: lost\r\n"
    )
    parts = [text_part("The message could not be delivered.", "us-ascii", "7bit"), status.encode(), returned.encode()]
    return multipart("report", f"dsn-{number}", parts, "; report-type=delivery-status")


def broken(text: Text, number: int) -> bytes:
    """Damage of the everyday kind: open multipart, lying charset, cut base64, bare LF."""
    whole = with_pdf(text, number)
    damages = (
        whole[: len(whole) * 2 // 3],
        whole.replace(b"\r\n", b"\n"),
        b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + text.body.encode("utf-8"),
        b"Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\nno boundary was declared\r\n--x--\r\n",
        b"Content-Type: text/plain; charset=no-such-charset\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + b"SGFsbG8gV2VsdA\r\n",
    )
    return damages[number % len(damages)]


KINDS: tuple[Kind, ...] = (
    plain,
    plain,
    alternative,
    with_pdf,
    plain,
    with_image,
    invitation,
    alternative,
    forwarded,
    broken,
    bounce,
)


def _html(text: Text) -> bytes:
    paragraphs = "".join(f"<p>{line}</p>" for line in text.body.split("\n") if line)
    return text_part(f"<html><body>{paragraphs}</body></html>", "utf-8", "quoted-printable", "html")


def _pdf(number: int) -> bytes:
    content = f"BT /F1 18 Tf 72 720 Td (Reeds demo document {number}) Tj ET".encode()
    return (
        b"%PDF-1.4\n1 0 obj<</Length "
        + str(len(content)).encode()
        + b">>stream\n"
        + content
        + b"\nendstream endobj\n%%EOF\n"
        + bytes(number % 97)
    )


def _png(number: int) -> bytes:
    shade = bytes([0, number % 256, (number * 7) % 256, 90])
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(shade)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
