"""What the watching pages ask the database. Read-only but for the retry; every call takes the slugs that may be seen.

Blocks. Texts of strangers come out on one line without control characters and direction overrides.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Engine, text

from services.common.database import transaction
from services.common.settled import COUNTED, settle
from services.front.plain import line, named

PACE_SECONDS = 60
_LINES = text(
    f"""
WITH {COUNTED}, sums AS (
    SELECT account, count(*) AS folders, max(last_pass) AS last_pass, count(last_error) AS troubled,
           sum(listed) AS listed, sum(stored) AS stored, sum(pending) AS pending, sum(quarantined) AS quarantined,
           sum(vanished) AS vanished, sum(missing) AS missing
    FROM counted GROUP BY account
), budgets AS (
    SELECT account_id, min(budget_left) AS budget_left FROM email_sync_status
    WHERE account_id = ANY(:slugs) GROUP BY account_id
)
SELECT a.slug AS account, a.provider, a.state AS chosen, coalesce(t.signin, 'unknown') AS signin,
       coalesce(t.detail, '') AS detail, coalesce(t.advice, '') AS advice, t.next_try, t.expires_at, b.budget_left,
       s.last_pass, coalesce(t.state, 'new') AS told, coalesce(s.folders, 0) AS folders,
       coalesce(s.listed, 0)::bigint AS listed,
       coalesce(s.stored, 0)::bigint AS stored, coalesce(s.pending, 0)::bigint AS pending,
       coalesce(s.quarantined, 0)::bigint AS quarantined, coalesce(s.vanished, 0)::bigint AS vanished,
       coalesce(s.missing, 0)::bigint AS missing, coalesce(s.troubled, 0) AS troubled
FROM accounts a LEFT JOIN sums s ON s.account = a.slug LEFT JOIN account_status t ON t.account_id = a.slug
LEFT JOIN budgets b ON b.account_id = a.slug
WHERE a.slug = ANY(:slugs) ORDER BY a.slug
"""  # noqa: S608 (a constant of ours)
)
_PASSED = text(
    "SELECT EXISTS (SELECT FROM folders f JOIN accounts a ON a.slug = f.account "
    "WHERE a.slug = :slug AND f.pass_at > a.created_at)"
)
_PACE = text(
    "SELECT account_id, count(*) AS stored FROM email_places WHERE account_id = ANY(:slugs) "
    "AND email_id IS NOT NULL AND stored_at > :since GROUP BY account_id"
)
_ARRIVALS = text(
    "SELECT (received_at AT TIME ZONE 'UTC')::date AS day, count(*) AS mail FROM emails "
    "WHERE account_id = ANY(:slugs) AND received_at >= :since AND received_at < :before GROUP BY day"
)
_QUARANTINE = text("""
SELECT f.account, f.name AS folder, q.folder_id, q.epoch, q.uid, q.stage, q.reason, q.detail, q.attempts, q.since,
       q.next_try
FROM quarantine q JOIN folders f ON f.id = q.folder_id WHERE f.account = ANY(:slugs)
ORDER BY q.since DESC, q.folder_id, q.epoch, q.uid LIMIT :most OFFSET :skip
""")
_RETRY = text("""
UPDATE quarantine q SET next_try = :now FROM folders f WHERE f.id = q.folder_id AND f.account = ANY(:slugs)
AND q.folder_id = :folder_id AND q.epoch = :epoch AND q.uid = :uid AND q.stage = 'fetch' RETURNING f.account
""")
_LETTERS = text("""
SELECT id, topic, "partition", "offset", service, error, reason, at, account_id AS account, state,
       coalesce(octet_length(value), 0) AS octets
FROM dead_letters WHERE (:every OR account_id = ANY(:slugs)) AND (:settled OR state = 'open')
AND (CAST(:number AS bigint) IS NULL OR id = :number) ORDER BY id DESC LIMIT :most OFFSET :skip
""")
_ENTRIES = """SELECT id, at, service, account_id AS account, action, outcome, folder, uids, octets, detail
FROM audit_log WHERE (CAST(:action AS text) IS NULL OR action = :action)"""
_AUDIT = text(f"{_ENTRIES} ORDER BY at DESC, id DESC LIMIT :most OFFSET :skip")
# The latest of each account by itself: in the whole list those of an account at rest lie behind millions of the others.
_AUDIT_OF = text(
    f"""SELECT e.* FROM unnest(CAST(:slugs AS text[])) slug CROSS JOIN LATERAL ({_ENTRIES} AND account_id = slug
ORDER BY at DESC, id DESC LIMIT :most + :skip) e ORDER BY at DESC, id DESC LIMIT :most OFFSET :skip"""  # noqa: S608 (a constant of ours)
)


class AccountLine(Struct, frozen=True, kw_only=True):
    """One account in figures that the view ``completeness`` explains. ``troubled``: folders with a last error.

    ``lately``: messages stored in the last minute. ``state``: paused, or what the poller said last.
    """

    account: str
    provider: str
    state: str
    signin: str
    detail: str
    advice: str
    next_try: datetime | None
    expires_at: datetime | None
    budget_left: int | None
    last_pass: datetime | None
    folders: int
    listed: int
    stored: int
    pending: int
    quarantined: int
    vanished: int
    missing: int
    troubled: int
    lately: int = 0

    @property
    def left(self) -> int:
        """Messages still to be stored."""
        return self.missing + self.pending

    @property
    def wanted(self) -> int:
        """Messages that are or will be stored."""
        return self.stored + self.left


class Quarantined(Struct, frozen=True, kw_only=True):
    """One message that could not be retrieved or used so far."""

    account: str
    folder: str
    folder_id: str
    epoch: int
    uid: int
    stage: str
    reason: str
    detail: str
    attempts: int
    since: datetime
    next_try: datetime | None


class Letter(Struct, frozen=True, kw_only=True):
    """One record that a reader could not use; never its content."""

    id: int
    topic: str
    partition: int
    offset: int
    service: str
    error: str
    reason: str
    at: datetime
    account: str | None
    state: str
    octets: int


class Action(Struct, frozen=True, kw_only=True):
    """One entry of the audit log."""

    id: str
    at: datetime
    service: str
    account: str
    action: str
    outcome: str
    folder: str | None
    uids: str | None
    octets: int | None
    detail: str


class Window(Struct, frozen=True):
    """Which part of a long list: ``skip`` entries, then ``most``."""

    skip: int = 0
    most: int = 50


def account_lines(engine: Engine, slugs: Sequence[str], now: datetime) -> list[AccountLine]:
    """The figures of each account, by name."""
    settle(engine, slugs)
    with transaction(engine) as connection:
        rows = connection.execute(_LINES, {"slugs": list(slugs), "most": None}).all()
        moving = [row.account for row in rows if row.missing or row.pending]
        pace = _pace(connection, moving, now) if moving else {}
    return [_line(row, pace.get(row.account, 0)) for row in rows]


def passed(engine: Engine, slug: str) -> bool:
    """Whether a folder was looked at since the account was added; an account of that name before does not count."""
    with transaction(engine) as connection:
        return bool(connection.execute(_PASSED, {"slug": slug}).scalar())


def _pace(connection: Any, slugs: Sequence[str], now: datetime) -> Mapping[str, int]:
    since = datetime.fromtimestamp(now.timestamp() - PACE_SECONDS, now.tzinfo)
    rows = connection.execute(_PACE, {"slugs": list(slugs), "since": since})
    return {row.account_id: row.stored for row in rows}


def _line(row: Any, lately: int) -> AccountLine:
    values = {name: value for name, value in row._mapping.items() if name not in ("chosen", "told")}
    state = "paused" if row.chosen == "paused" else row.told
    texts = {name: line(values[name]) for name in ("detail", "advice")}
    return AccountLine(**values | texts, state=state, lately=lately)


def arrivals(engine: Engine, slugs: Sequence[str], since: datetime, before: datetime) -> Mapping[date, int]:
    """Messages by the day (UTC) on which the server received them."""
    values = {"slugs": list(slugs), "since": since, "before": before}
    with transaction(engine) as connection:
        return {row.day: row.mail for row in connection.execute(_ARRIVALS, values)}


def quarantined(engine: Engine, slugs: Sequence[str], window: Window) -> list[Quarantined]:
    """What is in quarantine, latest first."""
    return [Quarantined(**row) for row in _rows(engine, _QUARANTINE, window, slugs=list(slugs))]


def retry(engine: Engine, slugs: Sequence[str], entry: Mapping[str, str | int], now: datetime) -> str | None:
    """Make an entry (folder_id, epoch, uid) due at once; its account, None when there is no such entry to retry."""
    with transaction(engine) as connection:
        found: str | None = connection.execute(_RETRY, {"slugs": list(slugs), "now": now, **entry}).scalar()
        return found


def letters(
    engine: Engine,
    slugs: Sequence[str],
    window: Window,
    *,
    every: bool,
    settled: bool = False,
    number: int | None = None,
) -> list[Letter]:
    """Dead letters, latest first. ``every``: also those of no account. ``settled``: also replayed and dropped ones."""
    values = {"slugs": list(slugs), "every": every, "settled": settled, "number": number}
    return [Letter(**row) for row in _rows(engine, _LETTERS, window, **values)]


def audit(
    engine: Engine, slugs: Sequence[str], window: Window, *, every: bool, account: str | None, action: str | None
) -> list[Action]:
    """Entries of the audit log, latest first."""
    if account is None and every:
        return [Action(**row) for row in _rows(engine, _AUDIT, window, action=action)]
    seen = slugs if account is None else [account] if every or account in slugs else []
    return [Action(**row) for row in _rows(engine, _AUDIT_OF, window, slugs=list(seen), action=action)]


def _rows(engine: Engine, query: Any, window: Window, **values: Any) -> list[dict[str, Any]]:
    """Rows with strangers' texts made plain; one more than asked for tells that there is a next page."""
    with transaction(engine) as connection:
        found = connection.execute(query, {**values, "skip": window.skip, "most": window.most + 1})
        return [{name: _plain(name, value) for name, value in row._mapping.items()} for row in found]


def _plain(name: str, value: Any) -> Any:
    made = named if name == "folder" else line
    return made(value) if isinstance(value, str) else value
