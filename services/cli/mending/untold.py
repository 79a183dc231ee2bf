"""Folders and accounts whose last report is lost: the poller says what changes, so it is asked to say all again."""

from sqlalchemy import Connection, text

from services.front.context import Context

_LOST = """folders f WHERE state = 'active' AND uidvalidity IS NOT NULL AND pass_at IS NOT NULL AND last_error IS NULL
AND account IN (SELECT slug FROM accounts WHERE state = 'active')
AND (CAST(:account AS text) IS NULL OR account = :account)
AND NOT EXISTS (SELECT FROM email_sync_status s WHERE (s.account_id, s.folder_id) = (f.account, f.id))"""
_COUNT = text(f"SELECT count(*) FROM {_LOST}")  # noqa: S608 (a constant of ours)
_LOOK = text(f"UPDATE folders SET full_pass_at = NULL WHERE id IN (SELECT id FROM {_LOST}) RETURNING account")  # noqa: S608 (as above)
_SILENT = text(
    "SELECT slug FROM accounts a WHERE state = 'active' AND (CAST(:account AS text) IS NULL OR slug = :account) "
    "AND NOT EXISTS (SELECT FROM account_status s WHERE s.account_id = a.slug)"
)


def count(bench: Connection, account: str | None) -> int:
    """How many folders of active accounts were read and have no row in ``email_sync_status``."""
    return int(bench.execute(_COUNT, {"account": account}).scalar_one())


def ask(context: Context, bench: Connection, account: str | None) -> None:
    """Let the next pass read these whole, which it reports; on the stack a poller begins with it in two seconds."""
    values = {"account": account}
    wanted = {*bench.execute(_LOOK, values).scalars(), *bench.execute(_SILENT, values).scalars()}
    for slug in () if context.embedded else wanted:
        context.accounts.look_now(slug)
