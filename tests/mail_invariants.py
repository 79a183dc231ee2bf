"""What must hold for every parsed message, whatever its octets: used by unit tests, fuzzing and the corpus."""

import base64
import json
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from services.common.email import Email, EmailBodyPart, PartFacts
from services.common.message.transfer import decode
from services.parser.mime import Parsed, parse_message, parse_source

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # mail may hold these six characters, too
_CLEAN_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4}|\r?\n)*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?:\r?\n)*")
_CLEAN_QP = re.compile(rb"(?:[!-<>-~]|[ \t](?![ \t]*\r?\n)|=[0-9A-F]{2}|=?\r?\n)*")


@dataclass(frozen=True)
class Memory:
    """A ``Source`` over octets in memory."""

    raw: bytes

    @property
    def size(self) -> int:
        return len(self.raw)

    def read(self, offset: int, length: int) -> bytes:
        return self.raw[offset : offset + length]


def checked(raw: bytes) -> Parsed:
    """The parsed message after every invariant held; an AssertionError names the one that did not."""
    parsed = parse_message(raw)
    email = parsed.email
    encoded = msgspec.json.encode(email)
    assert msgspec.json.encode(parse_message(raw).email) == encoded, "two parses differ"
    assert not _NUL.search(encoded), "NUL in a text"
    json.loads(encoded.decode("utf-8", "strict"))
    assert (email.size, email.id) == (len(raw), sha256(raw).hexdigest()), "identity"
    assert email.message_id, "no message id"
    assert len(email.preview) <= 256, "preview too long"
    _check_parts(raw, email)
    _check_lists(email)
    _check_files(parsed)
    for defect in email.mailweir.defects:
        assert defect.offset is None or 0 <= defect.offset <= len(raw), f"{defect.code} outside of the message"
    return parsed


def check_streamed(raw: bytes, parsed: Parsed) -> None:
    """The message read by blocks gives the same object, octet for octet, and files that say where they are."""
    streamed = parse_source(Memory(raw))
    assert msgspec.json.encode(streamed.email) == msgspec.json.encode(parsed.email), "streamed differs"
    assert [(file.part_id, file.sha256, file.size) for file in streamed.files] == [
        (file.part_id, file.sha256, file.size) for file in parsed.files
    ], "files of the streamed message differ"


def leaves(root: EmailBodyPart) -> Iterator[EmailBodyPart]:
    """All parts that are no multipart, in order."""
    stack = [root]
    while stack:
        part = stack.pop()
        if part.sub_parts is None:
            yield part
        else:
            stack += reversed(part.sub_parts)


def _check_parts(raw: bytes, email: Email) -> None:
    """Offsets decode to the stated hashes; parts follow each other without overlap."""
    end = 0
    for leaf in leaves(email.body_structure):
        if leaf.part_id is None:  # an empty multipart
            continue
        facts = email.mailweir.parts[leaf.part_id]
        assert 0 <= facts.header_offset <= facts.offset <= facts.offset + facts.length <= len(raw), "range"
        assert facts.header_offset >= end, f"part {leaf.part_id} overlaps the one before"
        end = facts.offset + facts.length
        octets = decoded(raw, facts)
        assert (leaf.size, leaf.blob_id) == (len(octets), sha256(octets).hexdigest()), f"hash of part {leaf.part_id}"


def decoded(raw: bytes, facts: PartFacts) -> bytes:
    """The octets of a part: by the standard library where the encoding is clean, else by our own repair."""
    octets = raw[facts.offset : facts.offset + facts.length]
    if facts.encoding == "base64" and _CLEAN_BASE64.fullmatch(octets):
        return base64.decodebytes(octets)
    if facts.encoding == "quoted-printable" and _CLEAN_QP.fullmatch(octets):
        return quopri.decodestring(octets)
    return decode(octets, facts.encoding)[0]


def _check_lists(email: Email) -> None:
    """Every leaf is in a list, and every list names leaves."""
    listed = {part.part_id for part in (*email.text_body, *email.html_body, *email.attachments)}
    known = {leaf.part_id for leaf in leaves(email.body_structure) if leaf.part_id}
    derived = {path for path, facts in email.mailweir.parts.items() if facts.parent}
    assert known <= listed, f"parts lost: {sorted(known - listed)}"
    assert listed <= known | derived, f"unknown parts: {sorted(map(str, listed - known))}"
    assert set(email.body_values) <= known | derived
    for facts in email.mailweir.parts.values():
        if facts.safe_name is not None:
            _check_safe(facts.safe_name)


def _check_safe(name: str) -> None:
    assert name not in {"", ".", ".."}, "name is no file name"
    assert not re.search(r"[/\\\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]", name), "name is not safe"
    assert len(name.encode()) <= 255, "name too long"


def _check_files(parsed: Parsed) -> None:
    for file in parsed.files:
        assert file.data is not None
        assert (file.size, file.sha256) == (len(file.data), sha256(file.data).hexdigest()), f"file {file.part_id}"
        _check_safe(file.safe_name)
