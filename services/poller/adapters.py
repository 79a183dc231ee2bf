"""The poller's memory in Postgres. Sets are int8multirange columns; adding to one does not read it here."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, TextClause, text

from services.common.database import transaction
from services.common.errors import Incomplete
from services.poller import rebuilt
from services.poller.domain.samples import keep
from services.poller.domain.state import FolderRecord, Ledger, Quarantined
from services.poller.domain.uidset import UidSet

_FOLDER = FolderRecord.__struct_fields__  # a column each
_SAVE_FOLDER = text(
    f"INSERT INTO folders ({', '.join(_FOLDER)}) VALUES ({', '.join(':' + name for name in _FOLDER)}) "
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _FOLDER[1:])}"
)
_NOTE_LOOKS = text(
    "UPDATE folders SET pass_at = look.at "
    "FROM unnest(CAST(:ids AS text[]), CAST(:times AS timestamptz[])) AS look (id, at) WHERE folders.id = look.id"
)
_SAVE_LEDGER = text(
    "INSERT INTO folder_ledger (folder_id, epoch, uidvalidity, listed, vanished, invisible, invisible_since, flags) "
    "VALUES (:folder_id, :epoch, :uidvalidity, CAST(:listed AS int8multirange), CAST(:vanished AS int8multirange), "
    "CAST(:invisible AS int8multirange), :invisible_since, CAST(:flags AS jsonb)) "
    "ON CONFLICT (folder_id, epoch) DO UPDATE SET listed = excluded.listed, vanished = excluded.vanished, "
    "invisible = excluded.invisible, invisible_since = excluded.invisible_since, flags = excluded.flags"
)
_ADD = text(
    "UPDATE folder_ledger SET published = published + CAST(:uids AS int8multirange) "
    "WHERE folder_id = :folder_id AND epoch = :epoch"
)
_SETTLE = text(
    "DELETE FROM quarantine WHERE folder_id = :folder_id AND epoch = :epoch AND stage = 'fetch' "
    "AND uid <@ CAST(:uids AS int8multirange)"
)
_ATTEMPTS = text(
    "SELECT attempts FROM quarantine WHERE folder_id = :folder_id AND epoch = :epoch AND uid = :uid AND stage = 'fetch'"
)
_QUARANTINE = text(
    "INSERT INTO quarantine (folder_id, epoch, uid, stage, reason, detail, attempts, next_try) "
    "VALUES (:folder_id, :epoch, :uid, 'fetch', :reason, :detail, :attempts, :next_try) "
    "ON CONFLICT (folder_id, epoch, uid, stage) DO UPDATE SET reason = excluded.reason, detail = excluded.detail, "
    "attempts = excluded.attempts, next_try = excluded.next_try"
)
_KNOWN = text("""SELECT e.message_id, p.internaldate, e.size, p.content_sha256
    FROM emails e JOIN email_places p ON p.email_id = e.id
    WHERE e.account_id = :account AND p.folder_id = :folder_id AND e.message_id = ANY(:ids)
    AND p.internaldate IS NOT NULL""")
_AT = text(
    "SELECT uid, content_sha256 FROM email_places "
    "WHERE folder_id = :folder_id AND uidvalidity = :uidvalidity AND uid = ANY(:uids)"
)
_SPEND = text(
    "INSERT INTO traffic (account, day, octets) VALUES (:account, :day, :octets) "
    "ON CONFLICT (account, day) DO UPDATE SET octets = traffic.octets + excluded.octets"
)
_NOTE_HABIT = text(
    "INSERT INTO server_habits (account, habit, noticed_at) VALUES (:account, :habit, :now) "
    "ON CONFLICT (account, habit) DO UPDATE SET noticed_at = excluded.noticed_at"
)
_LOST = text("""WITH known AS (
    SELECT folder_id, uidvalidity, epoch, true AS reported FROM email_sync_status
    WHERE (account_id, wire, state) = (:account, :wire, 'active')
    UNION ALL SELECT folder_id, uidvalidity, epoch, false FROM folder_ledger WHERE folder_id = :plain
) SELECT folder_id, uidvalidity, epoch FROM known k WHERE NOT EXISTS (SELECT FROM folders f WHERE f.id = k.folder_id)
ORDER BY reported DESC, epoch DESC LIMIT 1""")
_TOKEN = text("SELECT token FROM leases WHERE account = :account")
_FENCE = text("SELECT token FROM leases WHERE account = :account FOR SHARE")  # a lock waits for the disk


class LeaseLost(Incomplete):
    """Another process works on this account now; this one must stop at once."""

    def __init__(self, account: str) -> None:
        super().__init__(f"another process works on account {account} now; this one stops")


class PostgresLedger:
    """A ``LedgerStore``. With a lease, every write checks in its transaction that the lease is still ours (fencing)."""

    def __init__(self, engine: Engine, lease: tuple[str, int] | None = None) -> None:
        self._engine = engine
        self._lease = lease

    def fenced(self, account: str, token: int) -> "PostgresLedger":
        """The same store for the holder of a lease."""
        return PostgresLedger(self._engine, (account, token))

    def folders(self, account: str) -> list[FolderRecord]:
        """All folders of an account that are not gone."""
        query = text(
            f"SELECT {', '.join(_FOLDER)} FROM folders WHERE account = :account AND state <> 'gone' ORDER BY name"
        )
        with transaction(self._engine) as connection:
            return [_record(row) for row in connection.execute(query, {"account": account})]

    def folder(self, folder_id: str) -> FolderRecord | None:
        """One folder; None when it is unknown or gone."""
        query = text(f"SELECT {', '.join(_FOLDER)} FROM folders WHERE id = :id AND state <> 'gone'")
        with transaction(self._engine) as connection:
            row = connection.execute(query, {"id": folder_id}).first()
        return None if row is None else _record(row)

    def save_folder(self, record: FolderRecord) -> None:
        """Insert or update one folder."""
        values: dict[str, Any] = {name: getattr(record, name) for name in _FOLDER}
        values["samples"] = json.dumps(record.samples)
        values["epoch_changes"] = json.dumps([moment.isoformat() for moment in record.epoch_changes])
        with transaction(self._engine) as connection:
            self._fence(connection)
            connection.execute(_SAVE_FOLDER, values)

    def note_looks(self, looks: Mapping[str, datetime]) -> None:
        """Remember when folders were found unchanged, by one statement."""
        with transaction(self._engine) as connection:
            self._fence(connection)
            connection.execute(_NOTE_LOOKS, {"ids": list(looks), "times": list(looks.values())})

    def ledger(self, folder_id: str, epoch: int, uidvalidity: int) -> Ledger:
        """The ledger of one epoch; an empty one for a new epoch, one made of rows of mail where its own row is lost."""
        query = text(
            "SELECT uidvalidity, listed::text, published::text, vanished::text, invisible::text, invisible_since, "
            "flags "
            "FROM folder_ledger WHERE folder_id = :folder_id AND epoch = :epoch"
        )
        with transaction(self._engine) as connection:
            row = connection.execute(query, {"folder_id": folder_id, "epoch": epoch}).one_or_none()
            return _ledger(row) if row else rebuilt.ledger(connection, folder_id, uidvalidity)

    def save_ledger(self, folder_id: str, epoch: int, ledger: Ledger) -> None:
        """Replace all sets but ``published``."""
        flags = {flag: uids.text() for flag, uids in ledger.flags.items()}
        sets = {name: getattr(ledger, name).multirange() for name in ("listed", "vanished", "invisible")}
        values = {"folder_id": folder_id, "epoch": epoch, "uidvalidity": ledger.uidvalidity, "flags": json.dumps(flags)}
        with transaction(self._engine) as connection:
            self._fence(connection)
            connection.execute(_SAVE_LEDGER, {**values, **sets, "invisible_since": ledger.invisible_since})

    def add_published(self, folder_id: str, epoch: int, contents: Mapping[int, str]) -> None:
        """Count UIDs as published, settle their quarantine, and keep the marks of a few as samples of the folder."""
        values = {"folder_id": folder_id, "epoch": epoch, "uids": UidSet.of(contents).multirange()}
        with transaction(self._engine) as connection:
            self._fence(connection)
            connection.execute(_ADD, values)
            connection.execute(_SETTLE, values)
            _keep_samples(connection, folder_id, contents)

    def last_report(self, account: str) -> int:
        """Number of the stored state of an account; 0 without one."""
        query = text("SELECT sequence FROM account_status WHERE account_id = :account")
        with transaction(self._engine) as connection:
            return connection.execute(query, {"account": account}).scalar() or 0

    def spend(self, account: str, day: date, octets: int) -> None:
        """Add to the octets of a day."""
        with transaction(self._engine) as connection:
            connection.execute(_SPEND, {"account": account, "day": day, "octets": octets})

    def spent(self, account: str, day: date) -> int:
        """Octets taken on a day."""
        query = text("SELECT octets FROM traffic WHERE account = :account AND day = :day")
        with transaction(self._engine) as connection:
            return connection.execute(query, {"account": account, "day": day}).scalar() or 0

    def habits(self, account: str) -> Mapping[str, datetime]:
        """What the account's server is known to do, and since when."""
        query = text("SELECT habit, noticed_at FROM server_habits WHERE account = :account")
        with transaction(self._engine) as connection:
            return {row.habit: row.noticed_at for row in connection.execute(query, {"account": account})}

    def note_habit(self, account: str, habit: str, now: datetime) -> None:
        """Remember a habit as noticed now."""
        with transaction(self._engine) as connection:
            self._fence(connection)
            connection.execute(_NOTE_HABIT, {"account": account, "habit": habit, "now": now})

    def forget_habit(self, account: str, habit: str) -> None:
        """It is not so any more."""
        query = text("DELETE FROM server_habits WHERE account = :account AND habit = :habit")
        with transaction(self._engine) as connection:
            self._fence(connection)
            connection.execute(query, {"account": account, "habit": habit})

    def epochs(self, folder_id: str) -> Mapping[int, int]:
        """UIDVALIDITY to epoch."""
        query = text("SELECT uidvalidity, epoch FROM folder_ledger WHERE folder_id = :folder_id")
        with transaction(self._engine) as connection:
            return {row.uidvalidity: row.epoch for row in connection.execute(query, {"folder_id": folder_id})}

    def lost(self, account: str, wire: str, plain: str) -> tuple[str, int, int] | None:
        """Id, UIDVALIDITY and epoch of a folder of that name or ``plain`` id whose row somebody deleted."""
        with transaction(self._engine) as connection:
            row = connection.execute(_LOST, {"account": account, "wire": wire, "plain": plain}).one_or_none()
        return None if row is None else (row.folder_id, row.uidvalidity, row.epoch)

    def quarantine(self, folder_id: str, epoch: int) -> Mapping[int, Quarantined]:
        """Quarantined UIDs of one epoch."""
        query = text(
            "SELECT uid, reason, detail, attempts, next_try FROM quarantine "
            "WHERE folder_id = :folder_id AND epoch = :epoch AND stage = 'fetch'"
        )
        with transaction(self._engine) as connection:
            found = connection.execute(query, {"folder_id": folder_id, "epoch": epoch})
            return {row.uid: Quarantined(**row._mapping) for row in found}

    def attempts(self, folder_id: str, epoch: int, uid: int) -> int:
        """How often a UID went into quarantine; 0 for one that is not there."""
        values = {"folder_id": folder_id, "epoch": epoch, "uid": uid}
        with transaction(self._engine) as connection:
            return connection.execute(_ATTEMPTS, values).scalar() or 0

    def put_quarantine(self, folder_id: str, epoch: int, entry: Quarantined) -> None:
        """Insert or update one entry."""
        values = {name: getattr(entry, name) for name in ("uid", "reason", "detail", "attempts", "next_try")}
        with transaction(self._engine) as connection:
            self._fence(connection)
            connection.execute(_QUARANTINE, {**values, "folder_id": folder_id, "epoch": epoch})

    def check(self) -> None:
        """Raise LeaseLost when the lease is not ours any more."""
        if self._lease is not None:
            with transaction(self._engine) as connection:
                self._fence(connection, _TOKEN)

    def _fence(self, connection: Connection, query: TextClause = _FENCE) -> None:
        if self._lease is None:
            return
        token = connection.execute(query, {"account": self._lease[0]}).scalar()
        if token != self._lease[1]:
            raise LeaseLost(self._lease[0])


class PostgresContents:
    """A ``Contents`` on the tables of the storer, read only."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def known(self, account: str, folder_id: str, ids: Sequence[str]) -> Mapping[tuple[str, datetime, int], str]:
        """Stored mail of a folder by Message-ID, INTERNALDATE and size."""
        found: dict[tuple[str, datetime, int], set[str]] = {}
        with transaction(self._engine) as connection:
            for row in connection.execute(_KNOWN, {"account": account, "folder_id": folder_id, "ids": list(ids)}):
                found.setdefault((row.message_id, row.internaldate, row.size), set()).add(row.content_sha256)
        return {key: next(iter(contents)) for key, contents in found.items() if len(contents) == 1}

    def at(self, folder_id: str, uidvalidity: int, uids: Sequence[int]) -> Mapping[int, str]:
        """What is stored for these UIDs."""
        values = {"folder_id": folder_id, "uidvalidity": uidvalidity, "uids": list(uids)}
        with transaction(self._engine) as connection:
            return {row.uid: row.content_sha256 for row in connection.execute(_AT, values)}


def _keep_samples(connection: Connection, folder_id: str, contents: Mapping[int, str]) -> None:
    query = text("SELECT samples FROM folders WHERE id = :id FOR UPDATE")
    known = connection.execute(query, {"id": folder_id}).scalar() or {}
    save = text("UPDATE folders SET samples = CAST(:samples AS jsonb) WHERE id = :id")
    connection.execute(save, {"samples": json.dumps(keep(known, contents)), "id": folder_id})


def _record(row: Row[Any]) -> FolderRecord:
    values = dict(row._mapping)
    values["wire"] = bytes(values["wire"])
    values["epoch_changes"] = tuple(datetime.fromisoformat(moment) for moment in values["epoch_changes"])
    return FolderRecord(**values)


def _ledger(row: Row[Any]) -> Ledger:
    return Ledger(
        uidvalidity=row.uidvalidity,
        listed=UidSet.from_multirange(row.listed),
        published=UidSet.from_multirange(row.published),
        vanished=UidSet.from_multirange(row.vanished),
        invisible=UidSet.from_multirange(row.invisible),
        invisible_since=row.invisible_since,
        flags={flag: UidSet.parse(uids) for flag, uids in row.flags.items()},
    )
