"""Mail of accounts that were erased and is here again: read once more from topics, or out of a backup.

``listed`` is a temporary table of the bench of a repair.
"""

from sqlalchemy import Connection, text

_FIND = text(
    "SELECT e.account_id FROM (SELECT account_id, max(at) AS at FROM audit_log WHERE action = 'erase' "
    "AND (CAST(:account AS text) IS NULL OR account_id = :account) GROUP BY account_id) e "
    "WHERE NOT EXISTS (SELECT FROM accounts WHERE slug = e.account_id) "
    "AND NOT EXISTS (SELECT FROM audit_log a WHERE a.account_id = e.account_id AND a.at > e.at "
    "AND a.action NOT IN ('erase', 'account-remove')) "
    "AND (EXISTS (SELECT FROM emails m WHERE m.account_id = e.account_id) "
    "OR EXISTS (SELECT FROM objects o WHERE o.account_id = e.account_id) "
    "OR EXISTS (SELECT FROM listed l WHERE starts_with(l.key, e.account_id || '/'))) ORDER BY 1"
)


def erased(bench: Connection, account: str | None) -> tuple[str, ...]:
    """Names of those accounts. One that was added again since, and removed, is none of them: its mail was kept."""
    return tuple(bench.execute(_FIND, {"account": account}).scalars())
