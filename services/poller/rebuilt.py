"""The ledger of an epoch whose row somebody deleted, as the rows of its mail tell it.

What is on the server is fetched again, as nothing counts as published. But flags that changed and messages that went
away since are told only of what was listed before.
"""

from sqlalchemy import Connection, text

from services.poller.domain.flags import LABEL
from services.poller.domain.state import Ledger
from services.poller.domain.uidset import UidSet

_SETS = text(
    "SELECT range_agg(int8range(uid, uid, '[]'))::text AS listed, "
    "coalesce(range_agg(int8range(uid, uid, '[]')) FILTER (WHERE NOT visible), '{}')::text AS vanished "
    "FROM email_places WHERE (folder_id, uidvalidity) = (:folder_id, :uidvalidity) HAVING count(*) > 0"
)
_FLAGS = text(
    "SELECT name, range_agg(int8range(uid, uid, '[]'))::text AS uids FROM email_places p, LATERAL ("
    "SELECT unnest(p.flags) AS name UNION ALL SELECT :label || unnest(p.labels)) AS named "
    "WHERE (folder_id, uidvalidity) = (:folder_id, :uidvalidity) GROUP BY name"
)


def ledger(connection: Connection, folder_id: str, uidvalidity: int) -> Ledger:
    """What it was, but for ``published``; an empty one where there is no mail, as in a new epoch."""
    values = {"folder_id": folder_id, "uidvalidity": uidvalidity}
    sets = connection.execute(_SETS, values).one_or_none()
    if sets is None:
        return Ledger(uidvalidity=uidvalidity)
    return Ledger(
        uidvalidity=uidvalidity,
        listed=UidSet.from_multirange(sets.listed),
        vanished=UidSet.from_multirange(sets.vanished),
        flags={
            row.name: UidSet.from_multirange(row.uids) for row in connection.execute(_FLAGS, {**values, "label": LABEL})
        },
    )
