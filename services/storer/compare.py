"""What another parse of the same bytes would change in the rows. Reads only."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Engine, text

from services.common.database import transaction
from services.common.events import EmailParsed
from services.storer.copying import Json, json_of
from services.storer.merging import EMAIL_NAMES
from services.storer.rows import attachment_rows, email_row, numbers, version
from services.storer.threads import refs

_PASSED_OVER = {"account_id", "content_sha256", "thread_id", "received_at"}
_FIELDS = tuple(name for name in EMAIL_NAMES if name not in _PASSED_OVER)
_ROW = text(
    f"SELECT id, {', '.join(_FIELDS)}, thread_id, received_at, length(search) = 0 AS wordless FROM emails "
    "WHERE (account_id, content_sha256) = (:account, :sha256)"
)
_FILES = text(
    "SELECT part_path, sha256, size, content_type, name, safe_name, disposition, parent_part FROM attachments "
    "WHERE email_id = :id ORDER BY part_path"
)
_OUTDATE = text(
    "UPDATE emails SET parser_version = '0' "
    "WHERE (account_id, content_sha256, parser_version) = (:account, :sha256, :version)"
)


class Difference(msgspec.Struct, frozen=True):
    """One field: what is stored and what the present parser says."""

    field: str
    stored: Any
    parsed: Any


class Compared(msgspec.Struct, frozen=True):
    """What differs of one message; ``replaced``: a reparse would write it, as there is no row, or an older parser's."""

    differences: Sequence[Difference] = ()
    replaced: bool = False


def compared(engine: Engine, event: EmailParsed) -> Compared:
    """Fields of ``emails`` and ``attachments`` to which the event gives another value."""
    with transaction(engine) as connection:
        values = {"account": event.place.account, "sha256": event.contentsha256}
        row = connection.execute(_ROW, values).one_or_none()
        if row is None:
            return Compared([Difference("emails", None, "a row")], replaced=True)
        files = [list(each) for each in connection.execute(_FILES, {"id": row.id})]
    older = numbers(row.parser_version) < version(event.email)
    return Compared([*_of_row(row, event), *_lacking(row, event), *_of_files(files, event)], replaced=older)


def outdate(engine: Engine, account: str, sha256: str, version: str) -> int:
    """Let the next event of a message replace its row, if this parser version wrote it; how many rows that is."""
    with transaction(engine) as connection:
        values = {"account": account, "sha256": sha256, "version": version}
        return int(connection.execute(_OUTDATE, values).rowcount)


def _of_row(row: Any, event: EmailParsed) -> Iterator[Difference]:
    parsed = dict(zip(EMAIL_NAMES, email_row(event), strict=False))
    for name in _FIELDS:
        stored, new = getattr(row, name), _plain(parsed[name])
        if stored != new:
            yield Difference(name, stored, new)


def _lacking(row: Any, event: EmailParsed) -> Iterator[Difference]:
    """Of values that the event alone does not give as they are stored: whether there is one at all."""
    if row.thread_id is None and refs(event):
        yield Difference("thread_id", None, "a thread")
    if row.received_at is None and event.internaldate is not None:
        yield Difference("received_at", None, event.internaldate)
    if row.wordless and email_row(event)[-1]:
        yield Difference("search", None, "words")


def _of_files(files: Sequence[Any], event: EmailParsed) -> Iterator[Difference]:
    stored, new = sorted(files), sorted(_plain(each[2:]) for each in attachment_rows(event))
    if stored != new:
        yield Difference("attachments", stored, new)


def _plain(value: Any) -> Any:
    """A value as it is read from the database."""
    if isinstance(value, Json):
        return msgspec.json.decode(json_of(value))
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.replace("\x00", "") if isinstance(value, str) else value
