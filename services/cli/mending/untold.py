"""Folders and accounts whose last report is lost: the poller says what changes, so it is asked to say all again."""

from sqlalchemy import Connection, text

from services.front.context import Context

_LOST = """folders f WHERE state = 'active' AND uidvalidity IS NOT NULL AND pass_at IS NOT NULL AND last_error IS NULL
AND account IN (SELECT slug FROM accounts WHERE state = 'active')
AND (CAST(:account AS text) IS NULL OR account = :account)
AND NOT EXISTS (SELECT FROM email_sync_status s WHERE (s.account_id, s.folder_id) = (f.account, f.id))"""
_COUNT = text(f"SELECT count(*) FROM {_LOST}")  # noqa: S608 (a constant of ours)
_LOOK = text(f"UPDATE folders SET full_pass_at = NULL WHERE id IN (SELECT id FROM {_LOST}) RETURNING account")  # noqa: S608 (as above)
# The last report outlives the rows that it was made of. Of a folder that is absent nothing is fetched.
_UNLISTED = """email_sync_status s WHERE state = 'active' AND listed > 0
AND account_id IN (SELECT slug FROM accounts WHERE state = 'active')
AND (CAST(:account AS text) IS NULL OR account_id = :account)
AND NOT EXISTS (SELECT FROM folders f JOIN folder_ledger l ON (l.folder_id, l.epoch) = (f.id, f.epoch)
WHERE f.id = s.folder_id)
AND NOT EXISTS (SELECT FROM folders f WHERE f.id = s.folder_id AND f.state = 'absent')"""
_COUNT_UNLISTED = text(f"SELECT count(*) FROM {_UNLISTED}")  # noqa: S608 (a constant of ours)
_LOOK_WHOLE = text(
    f"""WITH unlisted AS (SELECT account_id, folder_id FROM {_UNLISTED}), whole AS (
    UPDATE folders SET full_pass_at = NULL WHERE id IN (SELECT folder_id FROM unlisted)
) SELECT DISTINCT account_id FROM unlisted"""  # noqa: S608 (a constant of ours)
)
_SILENT = """accounts a WHERE state = 'active' AND (CAST(:account AS text) IS NULL OR slug = :account)
AND NOT EXISTS (SELECT FROM account_status s WHERE s.account_id = a.slug)"""
_NAMED_SILENT = text(f"SELECT slug FROM {_SILENT}")  # noqa: S608 (a constant of ours)
# One that was added just now has nothing to report yet.
_READ = "EXISTS (SELECT FROM folders f WHERE f.account = a.slug AND f.pass_at IS NOT NULL)"
_COUNT_SILENT = text(f"SELECT count(*) FROM {_SILENT} AND {_READ}")  # noqa: S608 (as above)


def counted(bench: Connection, account: str | None) -> dict[str, int]:
    """Of active accounts: read folders and accounts without their last report, folders that held mail without a ledger.

    Keys are those of ``Damage``.
    """
    queries = {"untold": _COUNT, "unlisted": _COUNT_UNLISTED, "silent": _COUNT_SILENT}
    return {name: int(bench.execute(query, {"account": account}).scalar_one()) for name, query in queries.items()}


def ask(context: Context, bench: Connection, account: str | None) -> None:
    """Let the next pass read these whole, which it reports; on the stack a poller begins with it in two seconds."""
    values = {"account": account}
    wanted = {slug for query in (_LOOK, _LOOK_WHOLE, _NAMED_SILENT) for slug in bench.execute(query, values).scalars()}
    for slug in () if context.embedded else wanted:
        context.accounts.look_now(slug)
