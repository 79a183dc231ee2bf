"""What the database says about completeness: the view ``completeness``, status and ledger."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Engine, text

from services.common.database import transaction
from services.common.place import wire_text
from services.common.settled import COUNTED, settle

_FOLDERS = text(
    "SELECT account, folder, wire, coalesce(uidvalidity, 0) AS uidvalidity, epoch, state, listed, published, stored, "
    "pending, quarantined, vanished, missing, last_pass, last_error FROM completeness "
    "WHERE present AND state <> 'gone' AND (CAST(:account AS text) IS NULL OR account = :account) UNION ALL "
    "SELECT account, name, wire, coalesce(uidvalidity, 0), epoch, state, 0, 0, 0, 0, 0, 0, 0, pass_at, last_error "
    "FROM folders f WHERE state <> 'gone' AND (CAST(:account AS text) IS NULL OR account = :account) "
    "AND NOT EXISTS (SELECT FROM folder_ledger l WHERE (l.folder_id, l.epoch) = (f.id, f.epoch)) "
    "ORDER BY account, folder, epoch"
)
_FOLDERS_OF_SOME = text(f"WITH {COUNTED} SELECT * FROM counted ORDER BY account, folder")  # noqa: S608 (a constant of ours)
_STATUS = text("SELECT account_id, state, signin, detail, advice, next_try, expires_at FROM account_status")
_SETS = text(
    "SELECT folder_id, epoch, account, folder, wire, coalesce(uidvalidity, 0) AS uidvalidity, state, listed_set::text, "
    "stored_set::text, pending_set::text, quarantined_set::text, vanished_set::text, missing_set::text "
    "FROM completeness WHERE (CAST(:account AS text) IS NULL OR account = :account) ORDER BY account, folder, epoch"
)
_CONTENTS = text(
    "SELECT uid, content_sha256 FROM email_places WHERE folder_id = :folder_id AND uidvalidity = :uidvalidity"
)
_REASONS = text(
    "SELECT uid, error AS reason, reason || '; mailweir dlq show ' || id AS detail, 0 AS rank, id FROM dead_letters "
    "WHERE folder_id = :folder_id AND uidvalidity = :uidvalidity AND state = 'open' AND uid IS NOT NULL "
    "UNION ALL SELECT uid, reason, detail, 1, 0 FROM quarantine WHERE folder_id = :folder_id AND epoch = :epoch "
    "ORDER BY rank, id"
)

_WEAKEST_FIRST = ("pending", "missing", "quarantined", "stored", "vanished")


class FolderStatus(Struct, frozen=True, kw_only=True):
    r"""One folder and epoch: the numbers of the ledger and of the sinks. ``wire``: non-ASCII octets as ``\xNN``.

    Without ``last_pass`` nobody has read it in this epoch: what is in it is not known.
    """

    folder: str
    wire: str
    uidvalidity: int
    listed: int
    published: int
    stored: int
    pending: int
    quarantined: int
    vanished: int
    missing: int
    last_pass: datetime | None
    last_error: str | None
    epoch: int
    state: str


class SignInStatus(Struct, frozen=True, kw_only=True):
    """What the last sign-in said."""

    state: str = "unknown"
    detail: str = ""
    advice: str = ""
    next_try: datetime | None = None
    expires_at: datetime | None = None


class AccountStatus(Struct, frozen=True, kw_only=True):
    """One account: its state, its sign-in and its folders."""

    account: str
    state: str
    signin: SignInStatus
    folders: tuple[FolderStatus, ...]


class LedgerLine(Struct, frozen=True, kw_only=True):
    """One known place and what became of it."""

    account: str
    folder: str
    wire: str
    uidvalidity: int
    uid: int
    state: str
    contentsha256: str | None = None
    reason: str | None = None


def statuses(engine: Engine, accounts: Sequence[tuple[str, str]], only: str | None = None) -> list[AccountStatus]:
    """Status of each (slug, state) given, by the present epochs; a folder that was never read has no ``last_pass``."""
    with transaction(engine) as connection:
        rows = connection.execute(_FOLDERS, {"account": only}).all()
        signins = {row.account_id: row for row in connection.execute(_STATUS)}
    folders: dict[str, list[FolderStatus]] = {}
    for row in rows:
        folders.setdefault(row.account, []).append(_folder(row))
    return [
        _account(slug, state, signins.get(slug), folders.get(slug, []))
        for slug, state in accounts
        if only in (None, slug)
    ]


def folders_of(engine: Engine, slug: str) -> list[FolderStatus]:
    """The folders of one account, in time that does not grow with its mail."""
    settle(engine, [slug])
    with transaction(engine) as connection:
        return [_folder(row) for row in connection.execute(_FOLDERS_OF_SOME, {"slugs": [slug], "most": None})]


def signins(engine: Engine) -> dict[str, SignInStatus]:
    """What the last sign-in of each account said, by slug; an account that never tried is not there."""
    with transaction(engine) as connection:
        return {row.account_id: _signin(row) for row in connection.execute(_STATUS)}


def _signin(row: Any) -> SignInStatus:
    return SignInStatus(
        state=row.signin, detail=row.detail, advice=row.advice, next_try=row.next_try, expires_at=row.expires_at
    )


def _account(slug: str, state: str, signin: Any, folders: list[FolderStatus]) -> AccountStatus:
    if signin is None:
        return AccountStatus(account=slug, state=state, signin=SignInStatus(), folders=tuple(folders))
    shown = "paused" if state == "paused" else signin.state
    return AccountStatus(account=slug, state=shown, signin=_signin(signin), folders=tuple(folders))


def _folder(row: Any) -> FolderStatus:
    names = [name for name in FolderStatus.__struct_fields__ if name != "wire"]
    return FolderStatus(wire=wire_text(bytes(row.wire)), **{name: getattr(row, name) for name in names})


def ledger(engine: Engine, only: str | None = None) -> Iterator[LedgerLine]:
    """Every known place once, folder by folder: stored, pending, quarantined, vanished or missing.

    A folder that was made anew under its old name and UIDVALIDITY gives known places to other mail: what they are now
    is said, not what they were.
    """
    with transaction(engine) as connection:
        rows = connection.execute(_SETS, {"account": only}).all()
    shared = {key for key, count in Counter(map(_address, rows)).items() if count > 1}
    told: set[tuple[object, ...]] = set()
    for row in sorted(rows, key=lambda row: bool(row.state == "gone")):
        for line in _lines(engine, row):
            place = (*_address(row), line.uid)
            if place not in told:
                yield line
            if _address(row) in shared:
                told.add(place)


def _address(row: Any) -> tuple[object, ...]:
    return row.account, bytes(row.wire), row.uidvalidity


def _lines(engine: Engine, row: Any) -> Iterator[LedgerLine]:
    keys = {"folder_id": row.folder_id, "epoch": row.epoch, "uidvalidity": row.uidvalidity}
    with transaction(engine) as connection:
        contents = {each.uid: each.content_sha256 for each in connection.execute(_CONTENTS, keys)}
        reasons = {each.uid: f"{each.reason}: {each.detail}" for each in connection.execute(_REASONS, keys)}
    states = {uid: state for state in _WEAKEST_FIRST for uid in _uids(row, state)}
    for uid in sorted(states):
        yield LedgerLine(
            account=row.account,
            folder=row.folder,
            wire=wire_text(bytes(row.wire)),
            uidvalidity=row.uidvalidity,
            uid=uid,
            state=states[uid],
            contentsha256=contents.get(uid),
            reason=reasons.get(uid) if states[uid] == "quarantined" else None,
        )


def _uids(row: Any, state: str) -> Iterator[int]:
    text_form = getattr(row, f"{state}_set")
    bounds = [int(bound) for bound in text_form.strip("{}").replace("[", "").replace(")", "").split(",") if bound]
    for low, above in zip(bounds[::2], bounds[1::2], strict=True):
        yield from range(low, above)
