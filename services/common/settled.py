"""Which places are stored, without a look at every message: what was found stored once is kept as sets (ADR 0018).

A set counts as long as nothing of its account was taken away since: triggers note the transaction that did.
"""

import contextlib
from collections.abc import Sequence

from sqlalchemy import BigInteger, Column, Engine, Table, Text, text
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE

from services.common.database import METADATA, Refused, transaction
from services.common.errors import Unavailable

settled_places = Table(
    "settled_places",
    METADATA,
    Column("folder_id", Text, primary_key=True),
    Column("uidvalidity", BigInteger, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("settled", INT8MULTIRANGE, nullable=False),
)
unsettled = Table(
    "unsettled",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("by_transaction", BigInteger, nullable=False),
)

_MOST = 100_000
# OFFSET 0 keeps each look-up by its index: the planner would read whole tables for a handful of places.
_FOUND = """
known AS MATERIALIZED (
    SELECT f.account, f.id AS folder_id, f.name AS folder, f.wire, f.state, f.epoch, f.pass_at AS last_pass,
           f.last_error, coalesce(l.uidvalidity, f.uidvalidity) AS uidvalidity, coalesce(l.listed, '{}') AS listed,
           coalesce(l.published, '{}') AS published, coalesce(l.vanished, '{}') AS vanished,
           coalesce(u.by_transaction, 0) AS since, coalesce(s.settled, '{}') AS settled
    FROM folders f LEFT JOIN folder_ledger l ON l.folder_id = f.id AND l.epoch = f.epoch
    LEFT JOIN unsettled u ON u.account_id = f.account
    LEFT JOIN settled_places s
    ON (s.folder_id, s.uidvalidity, s.since) = (f.id, l.uidvalidity, coalesce(u.by_transaction, 0))
    WHERE f.state <> 'gone' AND f.account = ANY(:slugs)
), places AS (
    SELECT p.* FROM known k CROSS JOIN unnest(k.listed + k.published - k.settled - k.vanished) AS open
    CROSS JOIN LATERAL (
        SELECT p.folder_id, p.uidvalidity, p.uid FROM email_places p
        JOIN objects o ON (o.account_id, o.kind, o.sha256) = (p.account_id, 'message', p.content_sha256)
        WHERE p.folder_id = k.folder_id AND p.uidvalidity = k.uidvalidity AND p.uid >= lower(open)
        AND p.uid < upper(open) AND p.email_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM attachments a
            LEFT JOIN objects f ON (f.account_id, f.kind, f.sha256) = (a.account_id, 'attachment', a.sha256)
            WHERE a.email_id = p.email_id AND f.sha256 IS NULL OFFSET 0
        ) OFFSET 0
    ) AS p LIMIT :most
), found AS (
    SELECT folder_id, uidvalidity, range_agg(int8range(uid, uid, '[]')) AS stored FROM places
    GROUP BY folder_id, uidvalidity
)"""
COUNTED = f"""{_FOUND}, sets AS MATERIALIZED (
    SELECT k.*, k.listed * (k.settled + coalesce(found.stored, '{{}}')) - k.vanished AS stored,
           k.listed * coalesce(b.quarantined, '{{}}') - k.vanished AS barred
    FROM known k LEFT JOIN found USING (folder_id, uidvalidity)
    LEFT JOIN barred_places b ON b.folder_id = k.folder_id AND b.epoch = k.epoch
), counted AS (
    SELECT account, folder, wire, coalesce(uidvalidity, 0) AS uidvalidity, epoch, state, last_pass, last_error,
           multirange_count(listed) AS listed, multirange_count(published) AS published,
           multirange_count(stored) AS stored, multirange_count(vanished) AS vanished,
           multirange_count(published - stored - barred - vanished) AS pending,
           multirange_count(barred - stored) AS quarantined,
           multirange_count(listed - published - stored - barred - vanished) AS missing FROM sets
)"""  # noqa: S608 (constants of ours)
"""The counts of the view ``completeness`` for the accounts ``:slugs`` alone, present folders and epochs only.

The view looks at every message of every account. To be put after WITH; ``:most`` is None.
"""
_SETTLE = text(
    f"""WITH {_FOUND}, kept AS (
    INSERT INTO settled_places AS s (folder_id, uidvalidity, account_id, since, settled)
    SELECT folder_id, uidvalidity, k.account, k.since, k.settled + f.stored FROM known k
    JOIN found f USING (folder_id, uidvalidity) ORDER BY folder_id, uidvalidity
    ON CONFLICT (folder_id, uidvalidity) DO UPDATE SET since = excluded.since, settled =
    CASE WHEN s.since = excluded.since THEN s.settled + excluded.settled ELSE excluded.settled END
) SELECT (SELECT count(*) FROM places), (SELECT array_agg(since ORDER BY folder_id) FROM known)"""  # noqa: S608 (constants of ours)
)


def settle(engine: Engine, slugs: Sequence[str]) -> None:
    """Remember what is stored by now; a database that cannot be written to leaves it to who counts.

    Ends early when something is taken away meanwhile, as what was remembered counts no longer.
    """
    before = None
    with contextlib.suppress(Unavailable, Refused):
        while True:
            with transaction(engine) as connection:
                found, since = connection.execute(_SETTLE, {"slugs": list(slugs), "most": _MOST}).one()
            if found < _MOST or before not in (None, since):
                return
            before = since
