"""Events of ``mail.mailbox`` as changes of rows. An event older than the row does not overwrite it."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import mul
from typing import Any

from psycopg2.extras import execute_values

from services.common.errors import Malformed
from services.common.events import (
    AccountReported,
    Event,
    FlagsChanged,
    FolderEvent,
    FolderGone,
    FolderRenamed,
    MessagesReturned,
    MessagesVanished,
    PlaceRelinked,
    SyncReported,
)
from services.storer import rows
from services.storer.adapters import write_places
from services.storer.merging import ALONE, followed, follows

MOST_UIDS = 1_000_000
MOST_TEXT = 128 << 20  # characters of their rows: folder id, flags and labels of a group stand in the row of each UID
_PLACES = """CREATE TEMP TABLE IF NOT EXISTS stage_states (folder_id text, uidvalidity bigint, uid bigint, flags text[],
labels text[], visible boolean, sequence bigint, visible_sequence bigint) ON COMMIT DELETE ROWS"""
_APPLY = f"""UPDATE email_places p SET {followed("p", "s")} FROM stage_states s
WHERE (s.folder_id, s.uidvalidity, s.uid) = (p.folder_id, p.uidvalidity, p.uid) AND ({follows("p", "s")});
INSERT INTO place_states SELECT s.* FROM stage_states s
LEFT JOIN email_places p USING (folder_id, uidvalidity, uid) WHERE p.uid IS NULL
ON CONFLICT (folder_id, uidvalidity, uid) DO UPDATE SET {followed("place_states", "excluded")}
WHERE {follows("place_states", "excluded")};
DELETE FROM stage_states"""
# By where the rows lie, which nobody changes meanwhile: measured, a third of the time that their keys take.
_NAMED = """UPDATE email_places SET folder = %(name)s WHERE ctid = ANY (ARRAY(
SELECT ctid FROM email_places WHERE folder_id = %(folder)s AND folder <> %(name)s LIMIT 50000))"""
_NAME = "SELECT folder FROM email_sync_status WHERE (account_id, folder_id) = (%s, %s)"

_SIGNS = re.compile("[0-9:,]*")
Ranges = list[tuple[int, int]]
# Flags, labels, visible, None for what stays as it is; the numbers of the event that tells the flags and of that which
# tells whether it is visible, 0 for none.
Now = tuple[list[str] | None, list[str] | None, bool | None, int, int]
_OfPlaces = FlagsChanged | MessagesVanished | MessagesReturned | FolderRenamed
State = tuple[str, int, int, list[str] | None, list[str] | None, bool | None, int, int]


def write_mailbox(cursor: Any, events: Sequence[Event]) -> None:
    """Apply events one kind at a time, in order; relinked places first, so that their flags find them."""
    _alone(cursor, {_lock(event) for event in events if isinstance(event, _OfPlaces)})
    write_places(cursor, [event for event in events if isinstance(event, PlaceRelinked)])
    for event in events:
        _write(cursor, event)


def _write(cursor: Any, event: Event) -> None:
    if isinstance(event, SyncReported):
        _report(cursor, event)
    elif isinstance(event, AccountReported):
        _upsert(cursor, "account_status", ("account_id",), _account(event))
    elif isinstance(event, FlagsChanged | MessagesVanished | MessagesReturned):
        _apply(cursor, event)
    elif isinstance(event, FolderRenamed | FolderGone):
        _rename(cursor, event)


def _lock(event: _OfPlaces) -> str:
    return event.folderid if isinstance(event, FolderRenamed) else f"{event.folderid}/{event.uidvalidity}"


def _alone(cursor: Any, locks: set[str]) -> None:
    """Nobody else stores or changes such places until the transaction ends."""
    if locks:
        cursor.execute(ALONE, (list(locks),))


def _report(cursor: Any, event: SyncReported) -> None:
    """A folder may have been renamed before its first report, or while the poller had lost its record of it."""
    known = _known_name(cursor, event)
    renamed = known != event.folder
    _alone(cursor, {event.folderid} if renamed else set())
    if _upsert(cursor, "email_sync_status", ("account_id", "folder_id"), rows.sync_row(event)) and renamed:
        _name_places(cursor, event)


def _rename(cursor: Any, event: FolderRenamed | FolderGone) -> None:
    state = "gone" if isinstance(event, FolderGone) else "active"
    cursor.execute(
        "UPDATE email_sync_status SET folder = %s, wire = %s, state = %s, sequence = %s "
        "WHERE (account_id, folder_id) = (%s, %s) AND sequence < %s",
        (event.folder, event.wire, state, event.sequence, event.account, event.folderid, event.sequence),
    )
    if isinstance(event, FolderRenamed):
        _name_places(cursor, event)


def _name_places(cursor: Any, event: FolderEvent) -> None:
    """Give the places of a folder the name that it has, some at a time, as a statement may take a minute."""
    values = {"folder": event.folderid, "name": _known_name(cursor, event) or event.folder}
    cursor.execute(_NAMED, values)
    while cursor.rowcount:
        cursor.execute(_NAMED, values)


def _known_name(cursor: Any, event: FolderEvent) -> str | None:
    cursor.execute(_NAME, (event.account, event.folderid))
    known = cursor.fetchone()
    return known[0] if known else None


def _account(event: AccountReported) -> dict[str, object]:
    names = ("state", "signin", "detail", "advice", "sequence")
    values = {name: getattr(event, name) for name in names}
    return values | {"account_id": event.account, "next_try": event.nexttry, "expires_at": event.expiresat}


def _upsert(cursor: Any, table: str, identity: tuple[str, ...], values: dict[str, object]) -> bool:
    """Whether the row is this now: an older one changes nothing."""
    names = ", ".join(values)
    renewed = ", ".join(f"{name} = excluded.{name}" for name in values if name not in identity)
    cursor.execute(
        f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(values))}) "
        f"ON CONFLICT ({', '.join(identity)}) DO UPDATE SET {renewed} WHERE {table}.sequence < excluded.sequence",
        tuple(values.values()),
    )
    return bool(cursor.rowcount)


def _apply(cursor: Any, event: FlagsChanged | MessagesVanished | MessagesReturned) -> None:
    cursor.execute(_PLACES)
    execute_values(cursor, "INSERT INTO stage_states VALUES %s", _states(event), page_size=5_000)
    cursor.execute(_APPLY)


def _states(event: FlagsChanged | MessagesVanished | MessagesReturned) -> Iterator[State]:
    groups = list(_groups(event))
    _check_size(event.folderid, groups)
    for ranges, now in groups:
        for uid in chain.from_iterable(range(first, last + 1) for first, last in ranges):
            yield (event.folderid, event.uidvalidity, uid, *now)


def _check_size(folderid: str, groups: Sequence[tuple[Ranges, Now]]) -> None:
    """Raise Malformed for what would take all memory, or longer than a statement may: refused as data."""
    uids = [sum(last - first + 1 for first, last in ranges) for ranges, _ in groups]
    texts = [len(folderid) + sum(map(len, (*(flags or ()), *(labels or ())))) for _, (flags, labels, *_) in groups]
    if sum(uids) > MOST_UIDS or sum(map(mul, uids, texts)) > MOST_TEXT:
        raise Malformed("too many UIDs, or too much text about them, in one event")


def _groups(event: FlagsChanged | MessagesVanished | MessagesReturned) -> Iterator[tuple[Ranges, Now]]:
    if isinstance(event, FlagsChanged):
        for change in event.changes:
            labels = list(change.labels) if change.labels is not None else None
            yield _ranges(change.uids), (list(change.flags), labels, None, event.sequence, 0)
    else:
        yield _ranges(event.uids), (None, None, isinstance(event, MessagesReturned), 0, event.sequence)


def _ranges(text: str) -> Ranges:
    """First and last of each range of a sequence-set, whose ends may stand in any order (RFC 3501 section 9).

    Raises Malformed for what is none of numbers: ``*`` is the last message for the server alone.
    """
    ends = [part.partition(":") for part in text.split(",") if part]
    try:
        pairs = [(int(one), int(other or one)) for one, _, other in ends]
    except ValueError:
        pairs = []
    if _SIGNS.fullmatch(text) is None or len(pairs) != len(ends):
        raise Malformed("uids is no sequence-set of numbers")
    return [(min(pair), max(pair)) for pair in pairs]
