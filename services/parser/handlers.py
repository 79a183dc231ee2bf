"""One batch of the parser: messages in, parsed mail and attachments out."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from services.common.events import AttachmentExtracted, DataRef, EmailParsed, Event, MessageFetched
from services.common.service import Outcome, one_by_one, wrong_hash
from services.parser.fit import fit
from services.parser.mime import File, Limits, Parsed, Source, parse_message, parse_source

OpenSource = Callable[[MessageFetched, DataRef], Source]
_NAME = 1_000  # characters of a file name in a header of Kafka; the parsed message has all of it
_TYPE = 255  # two names of 127 with a slash between them (RFC 6838 section 4.2)


async def parse(
    batch: Sequence[Event], *, open_source: OpenSource, inline_limit: int, limits: Limits = Limits()
) -> Sequence[Outcome]:
    """Every message of the batch as ``EmailParsed`` plus one ``AttachmentExtracted`` per file.

    Runs in a thread, so that the loop keeps its heartbeat. ``open_source`` opens the raw message behind a claim check;
    it raises ``Unavailable`` when the store does not answer, which is nobody's dead letter. A message whose bytes do
    not have the stated hash is rejected: its rows would be filed under the content of another.
    """

    def events_of(event: Event) -> Sequence[Outcome]:
        assert isinstance(event, MessageFetched)
        parsed = _parsed(event, open_source, limits)
        if parsed.email.id != event.contentsha256:
            raise wrong_hash()
        return _events(event, parsed, inline_limit)

    return await asyncio.to_thread(one_by_one, events_of, batch)


def _parsed(event: MessageFetched, open_source: OpenSource, limits: Limits) -> Parsed:
    if isinstance(event.body, DataRef):
        return parse_source(open_source(event, event.body), limits=limits)
    known = event.contentsha256 if event.hashed else None
    return parse_message(event.body, limits=limits, known_sha256=known)


def _events(event: MessageFetched, parsed: Parsed, inline_limit: int) -> list[Event]:
    facts = replace(parsed.email.mailweir, place=event.place)
    email = fit(replace(parsed.email, received_at=event.internaldate, mailweir=facts), inline_limit)
    common: dict[str, Any] = {
        "place": event.place,
        "contentsha256": event.contentsha256,
        "internaldate": event.internaldate,
        "size": event.size,
    }
    mail = EmailParsed(**common, email=email, flags=event.flags)
    return [mail, *(_attachment(file, common, event) for file in parsed.files)]


def _attachment(file: File, common: dict[str, Any], event: MessageFetched) -> AttachmentExtracted:
    body, encoding = _body(file, event)
    return AttachmentExtracted(
        **common,
        body=body,
        hashed=file.data is not None,
        encoding=encoding,
        partid=file.part_id,
        partsha256=file.sha256,
        partsize=file.size,
        contenttype=_content_type(file.type),
        filename=file.name and file.name[:_NAME],
        safename=file.safe_name,
        disposition=file.disposition and file.disposition[:_TYPE],
    )


def _content_type(declared: str) -> str:
    """The type of a file, but none by which a reader would take the file for a CloudEvent in structured mode.

    Nor one that is longer than a type can be: it would stand in a header with all that a sender likes.
    """
    none = declared.startswith("application/cloudevents") or len(declared) > _TYPE
    return "application/octet-stream" if none else declared


def _body(file: File, event: MessageFetched) -> tuple[bytes | DataRef, str]:
    """The file itself, or for a streamed message the range of the raw object that holds it, still encoded."""
    if isinstance(event.body, DataRef) and file.data is None:
        return DataRef(event.body.uri, file.offset, file.offset + file.length - 1), file.encoding
    return file.data or b"", "identity"
