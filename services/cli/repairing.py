"""What is stored against what should be: objects without rows, rows without objects."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Engine, text

from services.cli.rebuilding import identity
from services.common import accounts_tables as _accounts
from services.common.database import transaction, unbounded
from services.common.place import Place
from services.console import tables as _console
from services.poller import tables as _poller
from services.storer.tables import DERIVED

__all__ = ["DERIVED", "Damage", "compare", "forget", "holders", "unpublish_pending"]
ALL_TABLES = (_accounts, _console, _poller)  # importing them is what makes the whole schema known
Key = tuple[str, str, str]
IsWhole = Callable[[str, str], bool]

_OBJECTS = text(
    "SELECT account_id, kind, sha256, key, size FROM objects "
    "WHERE (CAST(:account AS text) IS NULL OR account_id = :account)"
)
_CONTENTS = text(
    "SELECT account_id, content_sha256 FROM emails e WHERE (CAST(:account AS text) IS NULL OR account_id = :account) "
    "AND EXISTS (SELECT FROM email_places p WHERE p.email_id = e.id) "
    "AND e.id NOT IN (SELECT email_id FROM incomplete_emails)"
)
_FORGET = text("DELETE FROM objects WHERE (account_id, kind, sha256) = (:account, :kind, :sha256)")
_UNPUBLISH = text(
    "WITH sent AS (SELECT folder_id, uidvalidity, range_agg(int8range(uid, uid, '[]')) AS uids "
    "FROM unnest(CAST(:folders AS text[]), CAST(:uidvalidities AS bigint[]), CAST(:uids AS bigint[])) "
    "AS t (folder_id, uidvalidity, uid) GROUP BY folder_id, uidvalidity) "
    "UPDATE folder_ledger l SET published = l.published - (c.pending_set - coalesce(s.uids, '{}')) "
    "FROM completeness c LEFT JOIN sent s USING (folder_id, uidvalidity) "
    "WHERE (l.folder_id, l.epoch) = (c.folder_id, c.epoch) AND c.pending > 0 "
    "AND (CAST(:account AS text) IS NULL OR c.account = :account)"
)
_HOLDERS = text(
    "SELECT DISTINCT e.account_id, e.content_sha256 FROM emails e JOIN attachments a ON a.email_id = e.id "
    "WHERE e.account_id = :account AND a.sha256 = ANY(:contents)"
)


class Damage(Struct, frozen=True, kw_only=True):
    """What does not fit together. ``unstored``: keys of raw messages whose rows are missing or incomplete.

    ``raw_gone`` and ``files_gone``: (account, kind, sha256) that rows name and the store does not have, or has with
    other bytes: of these there are ``damaged``.
    """

    unstored: tuple[str, ...]
    raw_gone: tuple[Key, ...]
    files_gone: tuple[Key, ...]
    damaged: int

    @property
    def any(self) -> bool:
        """Whether there is anything to mend."""
        return bool(self.unstored or self.raw_gone or self.files_gone)


def compare(engine: Engine, sizes: Mapping[str, int], account: str | None, is_whole: IsWhole | None = None) -> Damage:
    """Compare the keys of the store and the ``sizes`` of their objects with the rows of an account, or of all.

    ``is_whole`` looks at the bytes of an object, by key and hash; without it the size tells.
    """
    with transaction(engine) as connection:
        unbounded(connection)
        rows = connection.execute(_OBJECTS, {"account": account}).all()
        contents = {tuple(row) for row in connection.execute(_CONTENTS, {"account": account})}
    wrong = [row for row in rows if sizes.get(row.key) != row.size or (is_whole and not is_whole(row.key, row.sha256))]
    gone: list[Key] = [(row.account_id, row.kind, row.sha256) for row in wrong]
    raw_gone = {key for key in gone if key[1] == "message"}
    known = {(row.account_id, row.sha256) for row in rows if row.kind == "message"}
    settled = {(owner, sha256) for owner, _, sha256 in raw_gone} | (known & contents)
    messages = {key: name for key in sizes if (name := identity(key))[1]}
    return Damage(
        unstored=tuple(key for key, name in messages.items() if name not in settled),
        raw_gone=tuple(key for key in gone if key in raw_gone),
        files_gone=tuple(key for key in gone if key not in raw_gone),
        damaged=sum(row.key in sizes for row in wrong),
    )


def forget(engine: Engine, gone: Sequence[Key]) -> None:
    """Take objects that are gone out of the rows: what they belong to is not stored any more, and status says so."""
    with transaction(engine) as connection:
        for account, kind, sha256 in gone:
            connection.execute(_FORGET, {"account": account, "kind": kind, "sha256": sha256})


def unpublish_pending(engine: Engine, account: str | None, sent: Sequence[Place] = ()) -> None:
    """Let the poller fetch again what was published and never stored, but what was ``sent`` just now.

    What else is under way is fetched in vain.
    """
    places = {
        "folders": [place.folderid for place in sent],
        "uidvalidities": [place.uidvalidity for place in sent],
        "uids": [place.uid for place in sent],
    }
    with transaction(engine) as connection:
        unbounded(connection)
        connection.execute(_UNPUBLISH, {"account": account, **places})


def holders(engine: Engine, files_gone: Sequence[Key]) -> list[tuple[str, str]]:
    """(account, content hash) of the messages that have the given attachments."""
    found: list[tuple[str, str]] = []
    with transaction(engine) as connection:
        for account in sorted({account for account, _, _ in files_gone}):
            contents = [sha256 for owner, _, sha256 in files_gone if owner == account]
            rows: Any = connection.execute(_HOLDERS, {"account": account, "contents": contents})
            found += [(row.account_id, row.content_sha256) for row in rows]
    return found
