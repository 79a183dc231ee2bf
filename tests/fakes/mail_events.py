"""Mail events for tests of the sinks: messages written here, parsed by the real parser."""

import hashlib
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from services.common.events import AttachmentExtracted, DataRef, EmailParsed, MessageFetched
from services.common.place import Place
from services.parser.handlers import parse

INTERNALDATE = datetime(2026, 11, 20, 9, 12, 4, tzinfo=UTC)


def place(uid: int = 1, folder: str = "INBOX", account: str = "work", uidvalidity: int = 1700000000) -> Place:
    return Place(account=account, folder=folder, folderid=f"{account}-{folder}", uidvalidity=uidvalidity, uid=uid)


def message(subject: str = "Hello", text: str = "Good morning", **fields: str) -> EmailMessage:
    """A plain message; further fields by name, ``_`` for ``-``."""
    made = EmailMessage()
    made["From"] = fields.pop("From", "Ada <ada@example.org>")
    made["To"] = "bob@example.com"
    made["Date"] = "Fri, 20 Nov 2026 10:00:00 +0100"
    made["Subject"] = subject
    for name, value in fields.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


def with_file(made: EmailMessage, data: bytes, name: str, subtype: str = "pdf") -> EmailMessage:
    made.add_attachment(data, "application", subtype, filename=name)
    return made


def fetched(raw: bytes, uid: int = 1, *, flags: tuple[str, ...] = (), body: DataRef | None = None, **where: Any) -> Any:
    return MessageFetched(
        place=place(uid, **where),
        contentsha256=hashlib.sha256(raw).hexdigest(),
        internaldate=INTERNALDATE,
        size=len(raw),
        body=body or raw,
        flags=flags,
    )


async def parsed(raw: bytes, uid: int = 1, **more: Any) -> tuple[EmailParsed, list[AttachmentExtracted]]:
    """What the parser says about a message."""

    def no_source(_event: MessageFetched, _reference: DataRef) -> Any:
        raise AssertionError("no claim check here")

    mail, *files = await parse([fetched(raw, uid, **more)], open_source=no_source, inline_limit=900 * 1024)
    assert isinstance(mail, EmailParsed)
    return mail, [file for file in files if isinstance(file, AttachmentExtracted)]
