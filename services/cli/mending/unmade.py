"""Messages that no object could be made an event from: damaged ones, of no known place, or gone meanwhile.

``unmade`` is a temporary table of the bench of a repair.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from services.cli.mending.rebuilding import identity

_LATER = "they come back when the server is asked"
PLACELESS, DAMAGED = f"name no place; {_LATER}", f"are damaged; {_LATER}"
VANISHED = "went away while the repair ran; run it again"

_NOTE = text("INSERT INTO unmade VALUES (:account_id, :sha256, :why)")
_TOLD = text("SELECT why, count(*) AS messages FROM unmade GROUP BY why ORDER BY why")
_FORGET = text(
    "DELETE FROM objects o USING unmade u WHERE u.why = :damaged "
    "AND (o.account_id, o.kind, o.sha256) = (u.account_id, 'message', u.sha256)"
)
# What was written again has a parser's version: rows to be replaced are given none.
_LEFT = text(
    "SELECT count(*) FROM unmade u WHERE NOT EXISTS (SELECT FROM emails e JOIN objects o "
    "ON (o.account_id, o.kind, o.sha256) = (e.account_id, 'message', e.content_sha256) "
    "WHERE (e.account_id, e.content_sha256) = (u.account_id, u.sha256) AND e.parser_version <> '0' "
    "AND EXISTS (SELECT FROM email_places p WHERE p.email_id = e.id) "
    "AND NOT EXISTS (SELECT FROM incomplete_emails i WHERE i.email_id = e.id))"
)
_NOT_TO_COME = text(
    "SELECT count(*) FROM unmade u WHERE why <> :damaged OR account_id <> ALL(:fetched) "
    "OR NOT EXISTS (SELECT FROM email_places p "
    "WHERE (p.account_id, p.content_sha256) = (u.account_id, u.sha256) AND p.visible)"
)


def note(bench: Connection, key: str, why: str) -> None:
    """Remember the message of an object, and why it could not be sent."""
    account, sha256 = identity(key)
    bench.execute(_NOTE, {"account_id": account, "sha256": sha256, "why": why})


def told(bench: Connection) -> Iterator[tuple[str, int]]:
    """Each reason, and of how many messages."""
    yield from ((row.why, row.messages) for row in bench.execute(_TOLD))


def forget(bench: Connection) -> None:
    """Take those that were read and are damaged out of the rows, so that the server is asked for them."""
    bench.execute(_FORGET, {"damaged": DAMAGED})


def left(bench: Connection) -> int:
    """How many are not whole by now."""
    return int(bench.execute(_LEFT).scalar_one())


def not_to_come(bench: Connection, fetched: list[str]) -> int:
    """How many are not known to be on the server, of an account that is ``fetched`` from."""
    return int(bench.execute(_NOT_TO_COME, {"damaged": DAMAGED, "fetched": fetched}).scalar_one())
