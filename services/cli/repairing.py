"""What is stored against what should be: objects without rows, rows without objects."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Engine, text

from services.common import accounts_tables as _accounts
from services.common.database import transaction
from services.console import tables as _console
from services.poller import tables as _poller
from services.storer.tables import DERIVED

__all__ = ["DERIVED", "Damage", "compare", "forget", "holders", "unpublish_pending"]
ALL_TABLES = (_accounts, _console, _poller)  # importing them is what makes the whole schema known
Key = tuple[str, str, str]

_OBJECTS = text(
    "SELECT account_id, kind, sha256, key FROM objects WHERE (CAST(:account AS text) IS NULL OR account_id = :account)"
)
_CONTENTS = text(
    "SELECT account_id, content_sha256 FROM emails e WHERE (CAST(:account AS text) IS NULL OR account_id = :account) "
    "AND EXISTS (SELECT FROM email_places p WHERE p.email_id = e.id) "
    "AND e.id NOT IN (SELECT email_id FROM incomplete_emails)"
)
_FORGET = text("DELETE FROM objects WHERE (account_id, kind, sha256) = (:account, :kind, :sha256)")
_UNPUBLISH = text(
    "UPDATE folder_ledger l SET published = l.published - c.pending_set FROM completeness c "
    "WHERE (l.folder_id, l.epoch) = (c.folder_id, c.epoch) AND c.pending > 0 "
    "AND (CAST(:account AS text) IS NULL OR c.account = :account)"
)
_HOLDERS = text(
    "SELECT DISTINCT e.account_id, e.content_sha256 FROM emails e JOIN attachments a ON a.email_id = e.id "
    "WHERE e.account_id = :account AND a.sha256 = ANY(:contents)"
)


class Damage(Struct, frozen=True, kw_only=True):
    """What does not fit together. ``unstored``: keys of raw messages whose rows are missing or incomplete.

    ``raw_gone`` and ``files_gone``: (account, kind, sha256) that rows name and the store does not have.
    """

    unstored: tuple[str, ...]
    raw_gone: tuple[Key, ...]
    files_gone: tuple[Key, ...]

    @property
    def any(self) -> bool:
        """Whether there is anything to mend."""
        return bool(self.unstored or self.raw_gone or self.files_gone)


def compare(engine: Engine, keys: Sequence[str], account: str | None) -> Damage:
    """Compare the keys of the store with the rows of an account, or of all."""
    with transaction(engine) as connection:
        rows = connection.execute(_OBJECTS, {"account": account}).all()
        contents = {tuple(row) for row in connection.execute(_CONTENTS, {"account": account})}
    there = set(keys)
    gone: list[Key] = [(row.account_id, row.kind, row.sha256) for row in rows if row.key not in there]
    known = {row.key for row in rows}
    messages = [key for key in keys if "/messages/" in key]
    unstored = [key for key in messages if key not in known or _identity(key) not in contents]
    return Damage(
        unstored=tuple(unstored),
        raw_gone=tuple(each for each in gone if each[1] == "message"),
        files_gone=tuple(each for each in gone if each[1] == "attachment"),
    )


def _identity(key: str) -> tuple[str, str]:
    return key.partition("/")[0], key.rpartition("/")[2].removesuffix(".eml")


def forget(engine: Engine, gone: Sequence[Key]) -> None:
    """Take objects that are gone out of the rows: what they belong to is not stored any more, and status says so."""
    with transaction(engine) as connection:
        for account, kind, sha256 in gone:
            connection.execute(_FORGET, {"account": account, "kind": kind, "sha256": sha256})


def unpublish_pending(engine: Engine, account: str | None) -> None:
    """Let the poller fetch again what was published and never stored; what is still under way is fetched in vain."""
    with transaction(engine) as connection:
        connection.execute(_UNPUBLISH, {"account": account})


def holders(engine: Engine, files_gone: Sequence[Key]) -> list[tuple[str, str]]:
    """(account, content hash) of the messages that have the given attachments."""
    found: list[tuple[str, str]] = []
    with transaction(engine) as connection:
        for account in sorted({account for account, _, _ in files_gone}):
            contents = [sha256 for owner, _, sha256 in files_gone if owner == account]
            rows: Any = connection.execute(_HOLDERS, {"account": account, "contents": contents})
            found += [(row.account_id, row.content_sha256) for row in rows]
    return found
