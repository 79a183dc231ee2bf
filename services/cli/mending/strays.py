"""Mail that rows show where the poller knows nothing of it: in a folder without a record, or of a past UIDVALIDITY.

An object names the place that its message had when it came. So rows that come back from objects alone have places of
folders that were renamed, deleted or given another UIDVALIDITY since, of which the poller had told that they are gone.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import count as counting
from typing import Any

from msgspec import json
from sqlalchemy import Connection, Row, text

from services.common.database import transaction
from services.common.events import Event, FolderGone, MessagesVanished
from services.common.place import wire_octets, wire_text
from services.front.context import Context
from services.front.publishing import publishing
from services.front.resending import resending
from services.poller.domain.samples import LOWEST, NEWEST, keep
from services.poller.domain.uidset import UidSet
from services.poller.folders.news import MOST_UIDS
from services.poller.imap.names import encode_utf7

# Of an account that was removed nobody looks at folders any more. The newest of those of one name may be the one that
# the server has: the poller finds out. ``past``: another one has its name, or it has another UIDVALIDITY.
_FIND = text(
    """WITH shown AS (
    SELECT account_id, folder_id, uidvalidity, folder, range_agg(int8range(uid, uid, '[]')) AS uids
    FROM email_places p WHERE visible AND NOT EXISTS (SELECT FROM folders f WHERE f.id = p.folder_id
    AND f.state <> 'gone' AND coalesce(f.uidvalidity, p.uidvalidity) = p.uidvalidity)
    GROUP BY account_id, folder_id, uidvalidity, folder
    UNION ALL SELECT account_id, folder_id, uidvalidity, folder, '{}' FROM email_sync_status s
    WHERE state = 'active' AND NOT EXISTS (SELECT FROM folders f WHERE f.id = s.folder_id)
), strays AS (
    SELECT account_id, folder_id, uidvalidity, max(folder) AS folder, range_agg(uids) AS uids FROM shown
    WHERE account_id IN (SELECT slug FROM accounts) AND (CAST(:account AS text) IS NULL OR account_id = :account)
    GROUP BY account_id, folder_id, uidvalidity
), taken AS (SELECT account, name FROM folders WHERE state <> 'gone')
SELECT account_id AS account, folder_id, uidvalidity, folder, uids::text,
    (SELECT wire FROM email_sync_status s
    WHERE (s.account_id, s.folder_id) = (strays.account_id, strays.folder_id)) AS wire,
    NOT EXISTS (SELECT FROM folders f WHERE f.id = folder_id AND f.state <> 'gone') AS unknown,
    EXISTS (SELECT FROM folders f WHERE f.id = folder_id) OR (account_id, folder) IN (SELECT * FROM taken)
    OR row_number() OVER (PARTITION BY account_id, folder ORDER BY uidvalidity DESC, upper(uids) DESC) > 1 AS past
FROM strays ORDER BY account_id, folder, folder_id, uidvalidity"""
)
_ADOPT = text(
    """INSERT INTO folders (id, account, wire, name, state, uidvalidity, epoch, samples)
VALUES (:folder_id, :account, :wire, :folder, 'active', :uidvalidity, coalesce(
    (SELECT epoch FROM folder_ledger WHERE (folder_id, uidvalidity) = (:folder_id, :uidvalidity)),
    (SELECT epoch FROM email_sync_status WHERE (account_id, folder_id) = (:account, :folder_id)), 1),
    CAST(:samples AS jsonb)) ON CONFLICT (id) DO NOTHING"""
)
_ENDS = text(
    """(SELECT uid, content_sha256 FROM email_places WHERE (folder_id, uidvalidity) = (:folder_id, :uidvalidity)
ORDER BY uid LIMIT :lowest) UNION (SELECT uid, content_sha256 FROM email_places
WHERE (folder_id, uidvalidity) = (:folder_id, :uidvalidity) ORDER BY uid DESC LIMIT :newest)"""
)
Stray = Row[Any]


def find(connection: Connection, account: str | None) -> Sequence[Stray]:
    """Folders, each with a UIDVALIDITY and the UIDs that are shown, of an account or of all."""
    return connection.execute(_FIND, {"account": account}).all()


def mend(context: Context, bench: Connection, account: str | None) -> tuple[int, int]:
    """Give the poller a record of those that the server may have; hide the mail of the others. How many of either.

    Raises Incomplete when an account is being erased.
    """
    found = find(bench, account)
    past = [stray for stray in found if stray.past]
    with resending(context.engine, {stray.account for stray in found}), transaction(context.engine) as connection:
        for stray in found:
            if not stray.past:
                _adopt(connection, stray)
    if past:
        asyncio.run(_publish(context, past))
    return len(found) - len(past), len(past)


def _adopt(connection: Connection, stray: Stray) -> None:
    """With marks of a few messages, by which a folder is known that was renamed (``folders.renaming``)."""
    known = stray._mapping
    ends = connection.execute(_ENDS, {**known, "lowest": LOWEST, "newest": NEWEST})
    samples = keep({}, {row.uid: row.content_sha256 for row in ends})
    values = {**known, "wire": wire_octets(_wire(stray)), "samples": json.encode(samples).decode()}
    connection.execute(_ADOPT, values)


def _wire(stray: Stray) -> str:
    """The raw name, as far as it is known; one under which the server does not list the folder is a rename."""
    return stray.wire or wire_text(encode_utf7(stray.folder).encode())


async def _publish(context: Context, strays: Sequence[Stray]) -> None:
    async with publishing(context) as publisher:
        await publisher.publish(list(_events(strays)))


def _events(strays: Sequence[Stray]) -> Iterator[Event]:
    """As the poller would have told it: numbered by the clock, as its events are (``Work.next_sequence``)."""
    numbers = counting(int(time.time() * 1_000))
    for stray in strays:
        names = {"account": stray.account, "folderid": stray.folder_id, "folder": stray.folder}
        fields = {**names, "wire": _wire(stray), "uidvalidity": stray.uidvalidity}
        for part in UidSet.from_multirange(stray.uids).chunks(MOST_UIDS):
            yield MessagesVanished(**fields, sequence=next(numbers), uids=part.text())
        if stray.unknown:
            yield FolderGone(**fields, sequence=next(numbers))
