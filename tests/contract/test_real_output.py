"""What the services really give out keeps the contract: hard cases and samples, read as a stranger reads a record."""

import asyncio
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from services.attachments import app as attachments
from services.attachments.settings import AttachmentsSettings
from services.cli.samples import mailbox
from services.common.contract.records import Record, encode
from services.common.events import AttachmentExtracted, Event, MessageFetched
from services.common.place import Place
from services.common.service import Rejected
from services.common.settings import read
from services.common.stores.folder import FolderStore
from services.parser import app as parser
from services.parser.adapters import opener
from services.parser.settings import ParserSettings

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
HARD = sorted((ROOT / "tests" / "corpus").rglob("*.eml"))
FAR = b"Received: by b; Fri, 31 Dec 9999 23:59:59 -1200\n\nx"
SAME_FILE_TWICE = (
    b"Content-Type: multipart/mixed; boundary=b\n\n"
    + b"--b\nContent-Disposition: attachment; filename=a.txt\n\nsame\n" * 2
    + b"--b--\n"
)
MEDIA_TYPE = re.compile(r"[!#$&^_.+A-Za-z0-9-]+/[!#$&^_.+*A-Za-z0-9-]+")


@cache
def validator(path: str) -> jsonschema_rs.Draft7Validator:
    schema = json.loads((ROOT / "schemas" / path).read_text(encoding="utf-8"))
    return jsonschema_rs.Draft7Validator(schema, validate_formats=True)


def fetched(raw: bytes, uid: int) -> MessageFetched:
    place = Place(account="work", folder="合同\n", folderid="f1", uidvalidity=1, uid=uid)
    sha256 = hashlib.sha256(raw).hexdigest()
    return MessageFetched(
        place=place, contentsha256=sha256, internaldate=NOW, size=len(raw), body=raw, flags=("\\Seen",)
    )


async def everything(messages: Sequence[bytes], store: FolderStore) -> list[tuple[Event, str]]:
    """All events of some messages, each with the service that says it."""
    (parse,) = parser.service(read(ParserSettings), parser.Ports(opener(store))).subscriptions
    filing = attachments.service(read(AttachmentsSettings), attachments.Ports(store)).subscriptions
    mail = [fetched(raw, uid) for uid, raw in enumerate(messages, 1)]
    parsed = await parse.handler(mail)
    files = [each for each in parsed if isinstance(each, AttachmentExtracted)]
    filed = [each for reader, batch in zip(filing, (mail, files), strict=True) for each in await reader.handler(batch)]
    said = [(event, "poller") for event in mail]
    for outcomes, service in ((parsed, "parser"), (filed, "attachments")):
        for outcome in outcomes:
            assert not isinstance(outcome, Rejected), outcome.reason
            said.append((outcome, service))
    return said


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    messages = [*(path.read_bytes() for path in HARD), *(sample.raw for sample in mailbox(60)), FAR, SAME_FILE_TWICE]
    said = asyncio.run(everything(messages, FolderStore(tmp_path_factory.mktemp("objects"))))
    return [encode(event, service, NOW) for event, service in said]


def headers(record: Record) -> dict[str, str]:
    return {name: raw.decode() for name, raw in record.headers}


def test_headers_keep_their_schema_and_the_types_of_cloudevents(records: list[Record]) -> None:
    for record in records:
        said = headers(record)
        assert len(said) == len(record.headers), "a header stands twice"
        validator(f"headers/{said['ce_type'].split('.')[2]}.headers.v1.schema.json").validate(said)
        assert record.key.decode() == said["ce_subject"]
        assert MEDIA_TYPE.fullmatch(said["content-type"])
        assert not said["content-type"].startswith("application/cloudevents")
        for name, text in said.items():
            assert name == "content-type" or re.fullmatch("ce_[a-z0-9]{1,20}", name)
            assert not any(unicodedata.category(character) == "Cc" for character in text), name


def test_values_keep_their_schema_and_can_be_read_anywhere(records: list[Record]) -> None:
    for record in records:
        said = headers(record)
        if said["content-type"] == "application/json" and record.topic != "mail.attachments":
            value = json.loads(record.value or b"", object_pairs_hook=once, parse_constant=pytest.fail)
            validator(f"events/{said['ce_type'].split('.')[2]}.v1.schema.json").validate(value)
            assert all(abs(number) < 2**53 for number in numbers(value))
        elif "ce_dataref" not in said:
            stated = said["ce_partsha256" if record.topic == "mail.attachments" else "ce_contentsha256"]
            assert hashlib.sha256(record.value or b"").hexdigest() == stated


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), "a property stands twice"
    return dict(pairs)


def numbers(value: Any) -> Iterator[int]:
    if isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from numbers(member)
    elif isinstance(value, int):
        yield value


def test_no_two_events_have_one_id(records: list[Record]) -> None:
    ids = [(headers(record)["ce_source"], headers(record)["ce_id"]) for record in records]
    assert len(set(ids)) == len(ids) > 1_000
