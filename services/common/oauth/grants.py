"""The state of an account's OAuth2 grant, kept beside its tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Engine, NullPool, create_engine, func, select
from sqlalchemy.dialects.postgresql import insert

from services.common.accounts import secrets
from services.common.accounts.secrets import KeySource
from services.common.accounts.tables import account_grants, account_secrets
from services.common.database import fault_named, reaching, transaction
from services.common.oauth.answers import Granted
from services.common.secret import Secret

ACCESS, REFRESH, PREVIOUS = "access_token", "refresh_token", "previous_refresh_token"
_LOCK_SPACE = 0x4D57  # advisory locks of Mailweir's token renewals
_ANSWER = 60.0  # seconds; trying for a lock waits for nothing


class Grant(Struct, frozen=True):
    """State of a grant. ``reason`` is an error code, ``kind`` that of the refusal (``answers.Kind``), "" for none.

    ``dies_at`` is when a new consent is due, if known.
    """

    state: Literal["ok", "consent", "operator"] = "ok"
    reason: str = ""
    failures: int = 0
    next_try: datetime | None = None
    renewed_at: datetime | None = None
    dies_at: datetime | None = None
    clock_skew: int = 0
    kind: str = ""


class Held(Struct, frozen=True):
    """A stored access token, when it was received and when it ends (wall time: good enough over a restart)."""

    token: Secret
    received_at: datetime
    ends_at: datetime


@contextmanager
def renewal_lock(engine: Engine, account: str) -> Iterator[bool]:
    """Whether this process may renew the account's token now; false while another one does.

    A transaction-level advisory lock: it goes with the connection, so a killed process never leaves it behind.
    """
    # a shared pool could run out of connections that all wait
    apart = create_engine(engine.url, poolclass=NullPool, connect_args=reaching(_ANSWER))
    with fault_named(), apart.connect() as connection, connection.begin():
        yield bool(connection.scalar(select(func.pg_try_advisory_xact_lock(_LOCK_SPACE, func.hashtext(account)))))


def notable_skew(engine: Engine, account: str) -> int:
    """Seconds that this machine's clock was ahead at the last renewal; 0 when that was not worth a word. Blocks."""
    with transaction(engine) as connection:
        return grant_of(connection, account).clock_skew


def grant_of(connection: Connection, account: str) -> Grant:
    """The state; a fresh one when nothing is known."""
    columns = [account_grants.c[name] for name in Grant.__struct_fields__]
    row = connection.execute(select(*columns).where(account_grants.c.account == account)).one_or_none()
    return Grant(*row) if row else Grant()


def put_grant(connection: Connection, account: str, grant: Grant) -> None:
    """Store the state."""
    values = msgspec.structs.asdict(grant)
    row = insert(account_grants).values(account=account, **values)
    connection.execute(row.on_conflict_do_update(constraint=account_grants.primary_key, set_=values))


def held(connection: Connection, keys: KeySource, account: str) -> Held | None:
    """The stored access token, or None."""
    at = (account_secrets.c.account == account) & (account_secrets.c.field == ACCESS)
    ends_at = connection.scalar(select(account_secrets.c.expires_at).where(at))
    received_at = grant_of(connection, account).renewed_at
    if ends_at is None or received_at is None:
        return None
    token = secrets.get(connection, keys, account, ACCESS)
    return Held(token, received_at, ends_at) if token else None


def store_granted(
    engine: Engine, keys: KeySource, account: str, granted: Granted, now: datetime, grant: Grant, *, used: Secret | None
) -> None:
    """Make new tokens durable, in one transaction, before anyone uses them.

    A rotated refresh token moves to ``previous`` until the new one has worked once. When ``used`` worked and came back
    unchanged, it has proved itself and the previous one goes.
    """
    with transaction(engine) as connection:
        new = granted.refresh_token
        if new and used and new != used:
            secrets.put(connection, keys, account, PREVIOUS, used)
        else:
            secrets.clear(connection, account, PREVIOUS)
        if new:
            secrets.put(connection, keys, account, REFRESH, new)
        elif used:
            secrets.put(connection, keys, account, REFRESH, used)
        ends_at = now + timedelta(seconds=granted.life)
        secrets.put(connection, keys, account, ACCESS, granted.access_token, ends_at)
        put_grant(connection, account, grant)


def forget_previous(connection: Connection, account: str) -> None:
    """Drop the refresh token that was kept until its successor worked."""
    secrets.clear(connection, account, PREVIOUS)
