"""The sample mailbox: 240 messages in five folders, the same bytes on every run."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import NamedTuple

from services.cli.samples.bodies import KINDS
from services.cli.samples.build import EOL, header
from services.cli.samples.texts import TEXTS, Text

COUNT = 240
FOLDERS = ("INBOX", "INBOX", "INBOX", "Sent", "合同", "Projects", "Archive")
_START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
_OWNER = "demo@reeds.example"


class Sample(NamedTuple):
    """One message of the sample mailbox, in the folder with that (decoded) name."""

    folder: str
    received: datetime
    raw: bytes


def mailbox(count: int = COUNT) -> Iterator[Sample]:
    """The first ``count`` messages, oldest first."""
    for number in range(count):
        received = _START + timedelta(hours=7 * number)
        yield Sample(FOLDERS[number % len(FOLDERS)], received, _message(number, received))


def _message(number: int, received: datetime) -> bytes:
    text = TEXTS[number % len(TEXTS)]
    kind = KINDS[number % len(KINDS)]
    return _envelope(text, number, received) + b"MIME-Version: 1.0" + EOL + kind(text, number)


def _envelope(text: Text, number: int, received: datetime) -> bytes:
    stamp = format_datetime(received)
    fields = [
        f"Received: from mx.{text.address.partition('@')[2]} by mx.reeds.example; {stamp}".encode() + EOL,
        header("From", text.sender, text.charset).rstrip() + f" <{text.address}>".encode() + EOL,
        header("To", _OWNER),
        header("Subject", f"{text.subject} ({number})", text.charset),
        header("Date", stamp),
    ]
    if number % 23:
        fields.append(header("Message-ID", f"<demo-{number}@reeds.example>"))
    if number % 5 == 0 and number:
        fields.append(header("In-Reply-To", f"<demo-{number - 1}@reeds.example>"))
    return b"".join(fields)
