"""One batch of the parser: what goes out for what comes in."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.cli.samples import mailbox
from services.common.contract.records import encode
from services.common.errors import Unavailable
from services.common.events import AttachmentExtracted, DataRef, EmailParsed, Event, MessageFetched
from services.common.message.incremental import decoder
from services.common.objects import NewObject, message_key, uri_of
from services.common.place import Place
from services.common.service import Outcome, Rejected
from services.common.stores.folder import FolderStore
from services.parser.adapters import opener
from services.parser.handlers import parse

RAWS = [sample.raw for sample in mailbox(22)]


class Memory:
    """A raw message behind a claim check."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.size = raw, len(raw)

    def read(self, offset: int, length: int) -> bytes:
        return self.raw[offset : offset + length]


def fetched(raw: bytes, uid: int = 1, body: bytes | DataRef | None = None) -> MessageFetched:
    place = Place(account="work", folder="INBOX", folderid="f1", uidvalidity=1, uid=uid)
    sha256 = hashlib.sha256(raw).hexdigest()
    return MessageFetched(
        place=place, contentsha256=sha256, internaldate=None, size=len(raw), body=raw if body is None else body
    )


async def run(*events: Event) -> Sequence[Outcome]:
    return await parse(events, open_source=lambda _, __: Memory(b""), inline_limit=921_600)


async def test_each_message_gives_its_mail_and_its_files() -> None:
    outcomes = await run(*(fetched(raw, uid) for uid, raw in enumerate(RAWS, 1)))
    mails = [each for each in outcomes if isinstance(each, EmailParsed)]
    assert [mail.place.uid for mail in mails] == list(range(1, len(RAWS) + 1))
    for outcome in outcomes:
        if isinstance(outcome, AttachmentExtracted):
            assert isinstance(outcome.body, bytes)
            assert hashlib.sha256(outcome.body).hexdigest() == outcome.partsha256
            assert len(outcome.body) == outcome.partsize
    named = {mail.place.uid: {part.part_id for part in mail.email.attachments} for mail in mails}
    filed = {(each.place.uid, each.partid) for each in outcomes if isinstance(each, AttachmentExtracted)}
    assert all((uid, part) in filed for uid, parts in named.items() for part in parts)


async def test_a_file_that_calls_itself_a_cloudevent_does_not_make_its_record_one() -> None:
    head = b"Content-Type: Application/CloudEvents+JSON\nContent-Disposition: attachment; filename=e.json\n\n"
    mail, file = await run(fetched(head + b'{"specversion": "1.0"}'))
    assert isinstance(mail, EmailParsed)
    assert isinstance(file, AttachmentExtracted)
    assert mail.email.attachments[0].type == "application/cloudevents+json"
    assert dict(encode(file, "parser", datetime.now(UTC)).headers)["content-type"] == b"application/octet-stream"


async def test_what_a_sender_calls_a_file_fills_no_header_and_is_whole_in_the_parsed_mail() -> None:
    name, kind = "n" * 30_000 + ".pdf", "application/" + "\u0436" * 30_000
    fields = f'Content-Type: {kind}\nContent-Disposition: {"d" * 30_000}; filename="{name}"\n\nsmall\n--b--\n'
    mail, file = await run(fetched(b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + fields.encode()))
    assert isinstance(mail, EmailParsed)
    assert isinstance(file, AttachmentExtracted)
    (part,) = mail.email.attachments
    assert (part.name, part.type) == (name, kind)
    assert (file.filename, file.contenttype) == (name[:1_000], "application/octet-stream")
    assert sum(len(text) for _, text in encode(file, "parser", datetime.now(UTC)).headers) < 4_000


async def test_the_place_and_the_mailbox_facts_are_in_the_event() -> None:
    (mail, *_) = await run(fetched(RAWS[0], 7))
    assert isinstance(mail, EmailParsed)
    assert mail.email.mailweir.place == mail.place
    assert mail.email.id == mail.contentsha256 == hashlib.sha256(RAWS[0]).hexdigest()


async def test_a_claim_check_gives_the_same_mail_and_ranges_instead_of_bytes() -> None:
    raw = RAWS[3]
    by_value = await run(fetched(raw))
    reference = fetched(raw, body=DataRef("s3://mailweir/work/messages/x.eml"))
    by_reference = await parse([reference], open_source=lambda _, __: Memory(raw), inline_limit=921_600)
    assert by_reference[0] == by_value[0]
    assert len(by_value) > 1
    for one, other in zip(by_value[1:], by_reference[1:], strict=True):
        assert isinstance(one, AttachmentExtracted)
        assert isinstance(other, AttachmentExtracted)
        assert isinstance(other.body, DataRef)
        assert other.partsha256 == one.partsha256
        first, last = other.body.first or 0, other.body.last or 0
        reading = decoder(other.encoding)
        assert reading.feed(raw[first : last + 1]) + reading.finish() == one.body
        assert raw[last + 1 :].lstrip(b"\r").startswith(b"\n--")


async def test_an_absent_object_rejects_one_message_and_a_dead_store_none(tmp_path: Path) -> None:
    absent = opener(FolderStore(tmp_path))
    outcomes = await parse(
        [fetched(RAWS[0], body=DataRef("s3://b/k")), fetched(RAWS[0], 2)], open_source=absent, inline_limit=921_600
    )
    assert isinstance(outcomes[0], Rejected)
    assert outcomes[0].error == "refused.object"
    assert any(isinstance(each, EmailParsed) for each in outcomes)

    def down(_event: MessageFetched, _reference: DataRef) -> Memory:
        raise Unavailable("no")

    try:
        await parse([fetched(RAWS[0], body=DataRef("s3://b/k"))], open_source=down, inline_limit=921_600)
    except Unavailable:
        return
    raise AssertionError("a store that does not answer must not become a dead letter")


@pytest.mark.parametrize(
    "other",
    [
        {"size": 1 << 62},
        {"size": 1},
        {"contentsha256": "0" * 64},
        {"place": Place(account="home", folder="INBOX", folderid="f1", uidvalidity=1, uid=1)},
        {"body": DataRef("s3://elsewhere/work/messages/2026/01/01/x.eml")},
    ],
    ids=["years to read", "too short", "content", "account", "bucket"],
)
async def test_a_claim_check_to_anything_but_the_raw_message_is_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    store, raw = FolderStore(tmp_path), RAWS[0]
    key = message_key("work", "2026/01/01", hashlib.sha256(raw).hexdigest())
    store.put(NewObject(key, raw, "message/rfc822"))
    good = fetched(raw, body=DataRef(uri_of(store.bucket, key)))
    outcomes = await parse(
        [msgspec.structs.replace(good, **other), good], open_source=opener(store), inline_limit=921_600
    )
    assert isinstance(outcomes[0], Rejected)
    assert outcomes[0].error == "refused.object"
    assert isinstance(outcomes[1], EmailParsed)


async def test_bytes_that_are_not_what_their_hash_says_are_rejected_alone() -> None:
    other = msgspec.structs.replace(fetched(RAWS[0]), contentsha256="0" * 64)
    outcomes = await run(other, fetched(RAWS[1], 2))
    assert isinstance(outcomes[0], Rejected)
    assert (outcomes[0].event, outcomes[0].error) == (other, "refused.hash")
    assert any(isinstance(each, EmailParsed) for each in outcomes)


async def test_a_hash_that_this_process_took_is_not_taken_again() -> None:
    taken = msgspec.structs.replace(fetched(RAWS[0]), contentsha256="1" * 64, hashed=True)
    (mail, *files) = await run(taken)
    assert isinstance(mail, EmailParsed)
    assert mail.email.id == mail.email.blob_id == taken.contentsha256
    assert all(isinstance(file, AttachmentExtracted) and file.hashed for file in files)
