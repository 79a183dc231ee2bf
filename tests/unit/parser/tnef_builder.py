"""TNEF streams for tests, built by the layout of MS-OXTNEF."""

import struct
from collections.abc import Sequence

MESSAGE = bytes.fromhex("0703020000000000c000000000000046")
ATTACHMENT_STARTS, TITLE, DATA, PROPERTIES = 0x69002, 0x18010, 0x6800F, 0x69005
BODY, MESSAGE_PROPERTIES, CODEPAGE = 0x2800C, 0x69003, 0x69007


def attribute(level: int, tag: int, content: bytes) -> bytes:
    checksum = struct.pack("<H", sum(content) & 0xFFFF)
    return bytes([level]) + struct.pack("<II", tag, len(content)) + content + checksum


def prop(number: int, kind: int, value: bytes) -> bytes:
    return struct.pack("<HHII", kind, number, 1, len(value)) + value + bytes(-len(value) % 4)


def properties(*items: bytes) -> bytes:
    return struct.pack("<I", len(items)) + b"".join(items)


def unicode(text: str) -> bytes:
    return text.encode("utf-16-le") + b"\0\0"


def stream(*attributes: bytes, codepage: int = 1252) -> bytes:
    head = struct.pack("<IH", 0x223E9F78, 1) + attribute(1, 0x89006, struct.pack("<I", 0x10000))
    return head + attribute(1, CODEPAGE, struct.pack("<II", codepage, 0)) + b"".join(attributes)


def file(title: bytes, data: bytes | None, items: Sequence[bytes] = ()) -> bytes:
    out = attribute(2, ATTACHMENT_STARTS, bytes(14)) + attribute(2, TITLE, title + b"\0")
    if data is not None:
        out += attribute(2, DATA, data)
    return out + (attribute(2, PROPERTIES, properties(*items)) if items else b"")


def rtf_body(rtf: bytes) -> bytes:
    """A message whose body is RTF, in the form without compression (MS-OXRTFCP section 2.1.3.1.5)."""
    packed = struct.pack("<4I", len(rtf) + 12, len(rtf), 0x414C454D, 0) + rtf
    return stream(attribute(1, MESSAGE_PROPERTIES, properties(prop(0x1009, 0x102, packed))))
