"""Looking at stored mail: search, one message, what to export. Read-only."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Connection, Engine, bindparam, text

from services.common.database import is_text, transaction
from services.common.errors import ConfigurationError

_CHOSEN = """FROM emails e WHERE (CAST(:account AS text) IS NULL OR e.account_id = :account)
AND (CAST(:since AS timestamptz) IS NULL OR e.received_at >= :since)
AND (CAST(:before AS timestamptz) IS NULL OR e.received_at < :before)
AND (CAST(:folder AS text) IS NULL OR
EXISTS (SELECT FROM email_places p WHERE p.email_id = e.id AND p.folder = :folder))"""
_MATCHING = " AND e.search @@ CAST(:query AS tsquery)"
_SHOWN = """SELECT e.id, e.account_id AS account, e.received_at, e.from_name, e.from_email, e.subject, e.preview,
e.has_attachment, e.content_sha256, e.thread_id,
(SELECT coalesce(array_agg(DISTINCT p.folder), '{}') FROM email_places p WHERE p.email_id = e.id) AS folders """
_BY_TIME = " ORDER BY e.received_at DESC NULLS LAST, e.id DESC LIMIT "
_NEWEST = text(f"{_SHOWN} {_CHOSEN} {_BY_TIME} :most")
_AMONG_NEWEST = text(
    f"{_SHOWN} FROM (SELECT e.* {_CHOSEN} {_BY_TIME} :window) e "
    f"WHERE e.search @@ CAST(:query AS tsquery) {_BY_TIME} :most"
)
_HITS = f"SELECT e.id, e.received_at {_CHOSEN} {_MATCHING}"
# Materialized, or a planner that expects more hits than there are reads the words of every message, newest first.
_BY_WORDS = text(
    f"""WITH hits AS MATERIALIZED ({_HITS}), newest AS (SELECT e.id FROM hits e {_BY_TIME} :most)
{_SHOWN} FROM newest JOIN emails e USING (id) {_BY_TIME} :most"""  # noqa: S608 (constants of ours)
)
_USE_INDEX = text("SET LOCAL enable_seqscan = off; SET LOCAL work_mem = '64MB'; SET LOCAL jit = off")
_WINDOW = 500  # of the newest messages: of a word in most of them these hold enough
_ONE = (
    "SELECT e.id, e.account_id AS account, content_sha256, subject, from_name, from_email, recipients, sent_at, "
    "received_at, body_text, defects, thread_id, size, parser_version FROM emails e "
)
_BY_NUMBER = text(_ONE + "WHERE e.id = :number")
# The index has the account before the hash: each account is looked up by itself, not every message of all.
_OWNERS = """WITH RECURSIVE owners AS ((SELECT min(account_id) AS account_id FROM emails) UNION ALL
SELECT (SELECT min(account_id) FROM emails WHERE account_id > o.account_id) FROM owners o
WHERE o.account_id IS NOT NULL) """
_OF_OWNERS = """JOIN owners o ON o.account_id = e.account_id
AND e.content_sha256 >= :prefix AND e.content_sha256 < :prefix || 'g' LIMIT 2"""
_BY_HASH = text(_OWNERS + _ONE + _OF_OWNERS)
_PLACES_OF = text(
    "SELECT account_id, folder_id, folder, uidvalidity, uid, flags, visible, internaldate FROM email_places "
    "WHERE (account_id, content_sha256) = (:account, :sha256) ORDER BY folder, uid"
)
_FILES = text(
    "SELECT a.part_path, a.name, a.safe_name, a.content_type, a.size, a.sha256, o.key FROM attachments a "
    "LEFT JOIN objects o ON (o.account_id, o.kind, o.sha256) = (a.account_id, 'attachment', a.sha256) "
    "WHERE a.email_id = :id"
)
_KEY = text("SELECT key FROM objects WHERE (account_id, kind, sha256) = (:account, 'message', :sha256)")
_EXPORTED = text(
    "SELECT e.id, e.account_id AS account, e.content_sha256, e.from_email, e.received_at, o.key FROM emails e "
    "LEFT JOIN objects o ON (o.account_id, o.kind, o.sha256) = (e.account_id, 'message', e.content_sha256) "
    "WHERE e.id IN :ids"
).bindparams(bindparam("ids", expanding=True))
_IS_KNOWN = text(
    "SELECT EXISTS (SELECT FROM folders WHERE account = coalesce(:account, account) AND name = :folder) OR "
    "EXISTS (SELECT FROM email_places WHERE account_id = coalesce(:account, account_id) "
    "AND folder = coalesce(:folder, folder))"
)
_BLOCK = 500
_NUMBER, _DIGITS = re.compile(r"\d+"), 9  # part 10 comes after part 2
_HEXADECIMAL = frozenset("0123456789abcdef")


class Choice(Struct, frozen=True, kw_only=True):
    """Which mail is meant; None leaves a side open. ``query`` as ``query_of`` makes it, ``folder`` by decoded name."""

    query: str | None = None
    account: str | None = None
    folder: str | None = None
    since: datetime | None = None
    before: datetime | None = None


class Found(Struct, frozen=True, kw_only=True):
    """One message of a result."""

    id: int
    account: str
    received_at: datetime | None
    from_name: str | None
    from_email: str | None
    subject: str | None
    preview: str
    has_attachment: bool
    content_sha256: str
    thread_id: int | None
    folders: tuple[str, ...]


def search(engine: Engine, choice: Choice, most: int = 50) -> list[Found]:
    """The newest chosen messages, at most ``most``."""
    with transaction(engine) as connection:
        rows = _found(connection, {**asdict(choice), "most": most})
    return [Found(**{**row._mapping, "folders": tuple(row.folders)}) for row in rows]


def _found(connection: Connection, values: dict[str, Any]) -> Sequence[Any]:
    if values["query"] is None:
        return connection.execute(_NEWEST, values).all()
    newest = connection.execute(_AMONG_NEWEST, values | {"window": max(_WINDOW, 2 * values["most"])}).all()
    if len(newest) == values["most"]:
        return newest
    connection.execute(_USE_INDEX)
    return connection.execute(_BY_WORDS, values).all()


def ids(engine: Engine, choice: Choice) -> list[int]:
    """Ids of all chosen messages, oldest first."""
    clause, values = _where(choice)
    with transaction(engine) as connection:
        return list(connection.execute(text(f"SELECT e.id {clause} ORDER BY e.received_at, e.id"), values).scalars())


def is_known(engine: Engine, choice: Choice) -> bool:
    """Whether the folder is followed, or mail of that account and folder was ever seen."""
    if not (is_text(choice.account or "") and is_text(choice.folder or "")):
        return False
    with transaction(engine) as connection:
        return bool(connection.scalar(_IS_KNOWN, {"account": choice.account, "folder": choice.folder}))


def _where(choice: Choice) -> tuple[str, dict[str, Any]]:
    return _CHOSEN if choice.query is None else _CHOSEN + _MATCHING, asdict(choice)


def one(engine: Engine, name: str) -> Any:
    """The row of one message by its number or by the start of its content hash (6 digits or more).

    Raises:
        ConfigurationError: there is none, or several.
    """
    with transaction(engine) as connection:
        rows: Sequence[Any] = ()
        if name.isascii() and name.isdigit() and len(name) < 19:
            rows = connection.execute(_BY_NUMBER, {"number": int(name)}).all()
        if not rows and len(name) >= 6 and set(name.lower()) <= _HEXADECIMAL:
            rows = connection.execute(_BY_HASH, {"prefix": name.lower()}).all()
    if len(rows) != 1:
        reason = "several messages have this id; give more of it" if rows else "there is no message with this id"
        raise ConfigurationError(f"{name}: {reason}; mailweir search shows ids")
    return rows[0]


def places_of(engine: Engine, account: str, sha256: str) -> Sequence[Any]:
    """Where a message is, by its content: also one that has no row."""
    with transaction(engine) as connection:
        return connection.execute(_PLACES_OF, {"account": account, "sha256": sha256}).all()


def files(engine: Engine, email_id: int) -> Sequence[Any]:
    """Attachments of a message in its order, with the key of each object that is filed."""
    with transaction(engine) as connection:
        rows = connection.execute(_FILES, {"id": email_id}).all()
    return sorted(rows, key=lambda row: _NUMBER.sub(lambda found: found[0].zfill(_DIGITS), row.part_path))


def message_object(engine: Engine, account: str, sha256: str) -> str | None:
    """Key of a raw message, None before it is filed."""
    with transaction(engine) as connection:
        key: str | None = connection.execute(_KEY, {"account": account, "sha256": sha256}).scalar()
        return key


def exported(engine: Engine, chosen: Sequence[int]) -> Iterator[Any]:
    """Rows of the chosen messages with the keys of their raw objects, in order, some hundred at a time."""
    for start in range(0, len(chosen), _BLOCK):
        block = list(chosen[start : start + _BLOCK])
        with transaction(engine) as connection:
            rows = {row.id: row for row in connection.execute(_EXPORTED, {"ids": block})}
        yield from (rows[number] for number in block if number in rows)
