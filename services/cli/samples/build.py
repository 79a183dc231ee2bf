"""Building blocks of sample messages: exact bytes, no clock, no randomness."""

import base64
import quopri
from email.header import Header

EOL = b"\r\n"


def header(name: str, value: str, charset: str = "us-ascii") -> bytes:
    """One header field; text that is not ASCII becomes encoded words (RFC 2047)."""
    encoded = (
        value
        if value.isascii()
        else Header(value, charset if charset != "us-ascii" else "utf-8").encode(linesep="\r\n")
    )
    return f"{name}: {encoded}".encode("ascii") + EOL


def text_part(body: str, charset: str, encoding: str, subtype: str = "plain") -> bytes:
    """Header and body of a text part in the given charset and transfer encoding."""
    raw = body.replace("\n", "\r\n").encode(charset)
    head = f"Content-Type: text/{subtype}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    return head + transfer(raw, encoding)


def file_part(data: bytes, media: str, parameters: str, disposition: str = "attachment") -> bytes:
    """Header and body of an attachment; ``parameters`` follow the disposition, already encoded (RFC 2231)."""
    fields = f"Content-Type: {media}\r\nContent-Disposition: {disposition}; {parameters}\r\n"
    return f"{fields}Content-Transfer-Encoding: base64\r\n\r\n".encode() + transfer(data, "base64")


def multipart(subtype: str, boundary: str, parts: list[bytes], parameters: str = "") -> bytes:
    """Header and body of a multipart (RFC 2046 section 5.1)."""
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"{parameters}\r\n\r\n'.encode()
    mark = f"--{boundary}".encode()
    return head + b"".join(mark + EOL + part + EOL for part in parts) + mark + b"--" + EOL


def transfer(raw: bytes, encoding: str) -> bytes:
    """Bytes in a content transfer encoding, with CRLF line ends."""
    if encoding == "base64":
        return base64.encodebytes(raw).replace(b"\n", EOL)
    if encoding == "quoted-printable":
        return quopri.encodestring(raw.replace(b"\r\n", b"\n")).replace(b"\n", EOL)
    return raw
