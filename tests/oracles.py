"""What other parsers say of a message, in one shape: they vote, nobody is believed alone."""

import contextlib
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from hashlib import sha256
from typing import Any

from services.parser.mime import Parsed

View = dict[str, Any]
FIELDS = ("subject", "sender", "date", "text", "files")
_BLANKS = re.compile(r"\s+")
_QUOTES = re.compile(r"[\s>]+")
_WESTERN = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}


def ours(parsed: Parsed) -> View:
    """Our side."""
    email = parsed.email
    plain = [part for part in email.text_body if part.type == "text/plain"]
    sent = datetime.fromisoformat(email.sent_at) if email.sent_at else None
    sent_files = [file for file in parsed.files if email.mailweir.parts[file.part_id].parent is None]
    return {
        "subject": _subject(email.subject),
        "sender": email.from_[0].email.lower() if email.from_ else None,
        "date": sent.timestamp() if sent else None,
        "text": _prose(" ".join(email.body_values[part.part_id or ""].value for part in plain)),
        "files": _hashes([file.data or b"" for file in sent_files if _binary(file.type)]),
    }


def standard(raw: bytes) -> View:
    """``email`` with the default policy."""
    message = message_from_bytes(raw, policy=policy.default)
    view: View = {}
    with contextlib.suppress(Exception):
        view["subject"] = _subject(str(message["subject"]) if message["subject"] is not None else None)
    with contextlib.suppress(Exception):
        field = message["from"]
        view["sender"] = field.addresses[0].addr_spec.lower() if field is not None and field.addresses else None
    with contextlib.suppress(Exception):
        view["date"] = _stamp(message["date"].datetime if message["date"] is not None else None)
    return view | _leaves(message)


def old_standard(raw: bytes) -> View:
    """``email`` with the compat32 policy and its helpers."""
    message = message_from_bytes(raw)
    view: View = {}
    with contextlib.suppress(Exception):
        subject = message.get("subject")
        view["subject"] = _subject(None if subject is None else str(make_header(decode_header(subject))))
    with contextlib.suppress(Exception):
        found = [address for _, address in getaddresses([str(message.get("from", ""))]) if address]
        view["sender"] = found[0].lower() if found else None
    with contextlib.suppress(Exception):
        date = message.get("date")
        view["date"] = _stamp(parsedate_to_datetime(str(date)) if date else None)
    return view


def rust(raw: bytes) -> View:
    """fast-mail-parser; a message that it refuses has no view."""
    import fast_mail_parser as fast

    mail = fast.parse_email(raw)
    return {
        "subject": _subject(mail.subject or None),
        "sender": mail.from_.address.lower() if mail.from_ else None,
        "date": _stamp(mail.date_parsed),
        "text": _prose(" ".join(mail.text_plain)),
        "files": _hashes([file.content for file in mail.attachments if _binary(file.mimetype)]),
    }


def package(raw: bytes) -> View:
    """mail-parser."""
    import mailparser

    mail = mailparser.parse_from_bytes(raw)
    view: View = {}
    with contextlib.suppress(Exception):
        view["subject"] = _subject(mail.subject or None)
        senders = [address for _, address in mail.from_ if address]
        view["sender"] = senders[0].lower() if senders else None
        view["date"] = _stamp(mail.date)
        view["text"] = _prose(" ".join(mail.text_plain))
    return view


ORACLES: tuple[Callable[[bytes], View], ...] = (standard, old_standard, rust, package)


def votes(raw: bytes, *, nested: bool) -> dict[str, Any]:
    """Per field the value that at least two oracles give and fewer others contradict.

    All oracles walk into nested messages and mix their texts with those of the parent, which is what we do not want;
    ``nested`` leaves these fields out.
    """
    views = []
    for oracle in ORACLES:
        with contextlib.suppress(Exception):
            views.append(oracle(raw))
    chosen = {}
    for field in FIELDS[:3] if nested else FIELDS:
        ranking = Counter(view[field] for view in views if field in view).most_common(2)
        if ranking and ranking[0][1] >= 2 and (len(ranking) == 1 or ranking[1][1] < ranking[0][1]):
            chosen[field] = ranking[0][0]
    return chosen


def _leaves(message: Message) -> View:
    texts: list[str] = []
    files: list[bytes] = []
    try:
        for part in message.walk():
            if part.is_multipart():
                continue
            data = part.get_payload(decode=True)
            octets = data if isinstance(data, bytes) else b""
            if part.get_content_type() == "text/plain" and part.get_content_disposition() != "attachment":
                texts.append(octets.decode(str(part.get_content_charset("ascii")), "strict"))
            elif _binary(part.get_content_type()):
                files.append(octets)
    except Exception:
        return {}
    return {"text": _prose(" ".join(texts)), "files": _hashes(files)}


def _binary(media_type: str) -> bool:
    return not media_type.startswith(("text/", "message/", "multipart/"))


def _hashes(contents: list[bytes]) -> tuple[str, ...]:
    return tuple(sorted(sha256(content).hexdigest()[:12] for content in contents))


def _subject(value: str | None) -> str | None:
    return _squeezed(value) or None if value is not None else None


def _squeezed(value: str) -> str:
    return _BLANKS.sub("", value)


def _prose(value: str) -> str:
    """Text without blanks and quote marks, which flowed text moves (RFC 3676), and iso-8859-1 as what it means."""
    return _QUOTES.sub("", value.translate(_WESTERN))


def _stamp(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
