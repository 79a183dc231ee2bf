"""Answers to UID FETCH, UID SEARCH and STATUS of the fake server."""

import re

from services.poller.imap.names import encode_utf7
from tests.fakes.imap_model import Mailbox, Message

_SET = re.compile(r"^[0-9:*,]+$")


def ranges(text: str, top: int) -> list[tuple[int, int]] | None:
    """A sequence-set as pairs in the order written; None when it is not one."""
    if not _SET.match(text):
        return None
    pairs = []
    for piece in text.split(","):
        low, _, high = piece.partition(":")
        ends = [top if end == "*" else int(end) for end in (low, high or low)]
        pairs.append((ends[0], ends[1]))
    return pairs


def chosen(mailbox: Mailbox, text: str) -> list[tuple[int, Message]]:
    """Sequence number and message of a UID set; ``n:*`` always has the last message (RFC 3501 section 6.4.8)."""
    top = max((m.uid for m in mailbox.messages), default=0)
    spans = [(min(pair), max(pair)) for pair in ranges(text, top) or []]
    numbered = enumerate(mailbox.messages, 1)
    return [(n, m) for n, m in numbered if any(low <= m.uid <= high for low, high in spans)]


def fetch(mailbox: Mailbox, arguments: str, *, qresync: bool) -> list[bytes]:
    """Untagged responses to UID FETCH; also ``(CHANGEDSINCE n [VANISHED])``."""
    text, _, rest = arguments.partition(" ")
    since = re.search(r"CHANGEDSINCE (\d+)", rest)
    found = chosen(mailbox, text)
    chunks = []
    if since:
        found = [(n, m) for n, m in found if m.modseq > int(since[1])]
        gone = sorted(uid for uid, modseq in mailbox.gone if modseq > int(since[1]))
        if qresync and "VANISHED" in rest and gone:
            chunks.append(b"* VANISHED (EARLIER) %s\r\n" % ",".join(map(str, gone)).encode())
    return chunks + [response(n, m, rest) for n, m in found]


def response(number: int, message: Message, items: str) -> bytes:
    """One FETCH response with the items asked for, in the usual order."""
    upper = items.upper()
    parts = [b"UID %d" % message.uid]
    if "FLAGS" in upper:
        parts.append(b"FLAGS (%s)" % " ".join(sorted(message.flags)).encode())
    if "INTERNALDATE" in upper:
        parts.append(b'INTERNALDATE "%s"' % message.internaldate.encode())
    if "RFC822.SIZE" in upper:
        parts.append(b"RFC822.SIZE %d" % (len(message.raw) if message.size is None else message.size))
    parts += _extensions(message, upper)
    parts += _body(message, items)
    return b"* %d FETCH (" % number + b" ".join(parts) + b")\r\n"


def _extensions(message: Message, upper: str) -> list[bytes]:
    parts = []
    if "MODSEQ" in upper or "CHANGEDSINCE" in upper:
        parts.append(b"MODSEQ (%d)" % message.modseq)
    if "EMAILID" in upper and message.emailid:
        parts.append(b"EMAILID (%s)" % message.emailid.encode())
    if "X-GM-MSGID" in upper and message.gm_msgid:
        parts.append(b"X-GM-MSGID %d" % message.gm_msgid)
    if "X-GM-LABELS" in upper:
        labels = [b'"' + encode_utf7(x).encode().replace(b"\\", b"\\\\") + b'"' for x in message.labels]
        parts.append(b"X-GM-LABELS (" + b" ".join(labels) + b")")
    return parts


def _body(message: Message, items: str) -> list[bytes]:
    piece = re.search(r"BODY\.PEEK\[\]<(\d+)\.(\d+)>", items)
    if piece:
        offset, length = int(piece[1]), int(piece[2])
        return [b"BODY[]<%d> " % offset + literal(message.raw[offset : offset + length])]
    if "BODY.PEEK[]" in items:
        return [message.body if message.body is not None else b"BODY[] " + literal(message.raw)]
    fields = re.search(r"BODY\.PEEK\[(HEADER\.FIELDS \(([^)]*)\)|HEADER)\]", items)
    if fields is None:
        return []
    return [b"BODY[%s] " % fields[1].encode() + literal(_header(message.raw, (fields[2] or "").upper().split()))]


def _header(raw: bytes, names: list[str]) -> bytes:
    head = raw.partition(b"\r\n\r\n")[0]
    lines = head.split(b"\r\n")
    kept = [x for x in lines if not names or x.partition(b":")[0].decode("latin-1").upper() in names]
    return b"".join(line + b"\r\n" for line in kept) + b"\r\n"


def literal(data: bytes) -> bytes:
    """``{n}`` CRLF and the bytes."""
    return b"{%d}\r\n" % len(data) + data


def status(wire: bytes, mailbox: Mailbox, items: str) -> bytes:
    """An untagged STATUS."""
    values: dict[str, object] = {
        "MESSAGES": len(mailbox.messages),
        "UIDNEXT": mailbox.next_uid() if mailbox.uidnext != 0 else None,
        "UIDVALIDITY": mailbox.uidvalidity,
        "UNSEEN": sum("\\Seen" not in m.flags for m in mailbox.messages),
        "HIGHESTMODSEQ": None if mailbox.nomodseq else mailbox.modseq(),
        "MAILBOXID": f"({mailbox.mailboxid})" if mailbox.mailboxid else None,
    }
    asked = [name for name in values if name in items.upper() and values[name] is not None]
    listed = " ".join(f"{name} {values[name]}" for name in asked)
    return b"* STATUS " + quoted(wire) + b" (" + listed.encode() + b")\r\n"


def quoted(wire: bytes) -> bytes:
    """A name as quoted string, or as literal when it does not fit."""
    if any(byte in wire for byte in b"\r\n"):
        return literal(wire)
    return b'"' + wire.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def unquoted(text: bytes) -> tuple[bytes, bytes]:
    """The first argument (quoted, literal already read in, or atom) and the rest."""
    if text.startswith(b'"'):
        found = re.match(rb'"((?:[^"\\]|\\.)*)" ?', text, re.DOTALL)
        assert found is not None
        return re.sub(rb"\\(.)", rb"\1", found[1], flags=re.DOTALL), text[found.end() :]
    if text.startswith(b"{"):
        head, _, rest = text.partition(b"\r\n")
        size = int(head[1:-1].rstrip(b"+"))
        return rest[:size], rest[size:].lstrip(b" ")
    word, _, rest = text.partition(b" ")
    return word, rest
