"""Dead letters whose raw message is not in the store: sent again they are dead again, but the server has the message.

``claims`` and ``sent`` are temporary tables of the bench of a repair.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

_FIND = text(
    "INSERT INTO claims SELECT d.id, d.folder_id, d.uidvalidity, d.uid FROM dead_letters d "
    "JOIN folder_ledger l USING (folder_id, uidvalidity) "
    "WHERE d.state = 'open' AND d.error = 'refused.object' AND NOT d.uid <@ l.vanished "
    "AND (CAST(:account AS text) IS NULL OR d.account_id = :account)"
)
_COUNT = text("SELECT count(DISTINCT (folder_id, uidvalidity, uid)) FROM claims")
_RESTING = text(
    "SELECT count(DISTINCT (c.folder_id, c.uidvalidity, c.uid)) FROM claims c JOIN dead_letters d USING (id) "
    "WHERE d.account_id <> ALL(:fetched) AND NOT EXISTS (SELECT FROM sent s "
    "WHERE (s.folder_id, s.uidvalidity, s.uid) = (c.folder_id, c.uidvalidity, c.uid))"
)
_SETTLE = text(
    "WITH settled AS (DELETE FROM claims c WHERE :fetched OR EXISTS (SELECT FROM sent s "
    "WHERE (s.folder_id, s.uidvalidity, s.uid) = (c.folder_id, c.uidvalidity, c.uid)) RETURNING id) "
    "UPDATE dead_letters SET state = 'replayed' WHERE state = 'open' AND id IN (SELECT id FROM settled)"
)


def find(bench: Connection, account: str | None) -> int:
    """Note in ``claims`` those that are open, of messages that the server still lists; how many messages these are."""
    bench.execute(_FIND, {"account": account})
    return _left(bench)


def resting(bench: Connection, fetched: Sequence[str]) -> int:
    """How many of these messages were not sent, and are of other accounts than those ``fetched`` from."""
    return int(bench.execute(_RESTING, {"fetched": list(fetched)}).scalar_one())


def settle(bench: Connection, *, fetched: bool) -> int:
    """Close those whose messages were ``sent`` or, when ``fetched``, will be; of how many messages some are left.

    A message that is closed and not stored counts as pending. A reader that cannot use it, either, writes a new letter.
    """
    bench.execute(_SETTLE, {"fetched": fetched})
    return _left(bench)


def _left(bench: Connection) -> int:
    return int(bench.execute(_COUNT).scalar_one())
