"""Secrets of accounts as rows: read, written, cleared and rotated on a connection that the caller commits."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from services.common.accounts.crypto import KeyWrapper, Sealed, WrappedKey, data_key_of, new_data_key, seal, unseal
from services.common.accounts.master_key import unknown_keys
from services.common.accounts.tables import account_grants, account_keys, account_secrets, accounts
from services.common.secret import Secret

KeySource = Callable[[bool], KeyWrapper]
"""Gives the master key; the argument says whether a new one may be made (no stored secret needs an old one)."""


class SecretInfo(Struct, frozen=True):
    """What may be shown of a stored secret: that it is set, since when, and until when it is good, if known."""

    field: str
    changed_at: datetime
    expires_at: datetime | None = None


def usable_keys(connection: Connection, source: KeySource) -> KeyWrapper:
    """The master key, after the check that it can open every stored data key.

    Raises:
        ConfigurationError: a stored data key needs a master key that is not here; nothing was written.

    """
    needed = master_key_ids(connection)
    master = source(not needed)
    if missing := needed - master.known_ids:
        raise unknown_keys(missing, master.known_ids)
    return master


def master_key_ids(connection: Connection) -> set[str]:
    """Ids of the master keys that wrap stored data keys."""
    return set(connection.scalars(select(account_keys.c.master_key_id).distinct()))


def put(
    connection: Connection,
    source: KeySource,
    account: str,
    name: str,
    secret: Secret,
    expires_at: datetime | None = None,
) -> None:
    """Seal a secret and write it over an older one. Raises ConfigurationError for a lost or wrong master key."""
    _lock(connection, account)
    master = usable_keys(connection, source)
    key = _key_row(connection, account) or _new_key(connection, master, account)
    sealed = seal(data_key_of(master, account, key), key.data_key_id, account, name, secret.reveal())
    values = {
        "data_key_id": sealed.data_key_id,
        "ciphertext": sealed.ciphertext,
        "format": sealed.version,
        "expires_at": expires_at,
    }
    row = insert(account_secrets).values(account=account, field=name, **values)
    connection.execute(
        row.on_conflict_do_update(constraint=account_secrets.primary_key, set_=values | {"changed_at": func.now()})
    )


def get(connection: Connection, source: KeySource, account: str, name: str) -> Secret | None:
    """The secret, or None when it is not set. Raises ConfigurationError or Undecryptable."""
    at = (account_secrets.c.account == account) & (account_secrets.c.field == name)
    row = connection.execute(select(account_secrets).where(at)).one_or_none()
    if row is None:
        return None
    key = _key_row(connection, account, row.data_key_id)
    if key is None:
        raise unknown_keys({f"(data key {row.data_key_id})"}, frozenset())
    sealed = Sealed(row.data_key_id, bytes(row.ciphertext), row.format)
    return Secret(unseal(data_key_of(source(False), account, key), sealed, account, name))


def infos(connection: Connection, account: str) -> list[SecretInfo]:
    """Which secrets are set; needs no key."""
    columns = (account_secrets.c.field, account_secrets.c.changed_at, account_secrets.c.expires_at)
    found = connection.execute(select(*columns).where(account_secrets.c.account == account).order_by("field"))
    return [SecretInfo(*row) for row in found]


def clear_all(connection: Connection, account: str) -> None:
    """Forget every secret of the account, its data key, and what is known about its grant."""
    clear(connection, account, *(info.field for info in infos(connection, account)))
    forget_grant(connection, account)


def clear(connection: Connection, account: str, *names: str) -> None:
    """Forget the named secrets; the data key goes with the last one."""
    rows = delete(account_secrets).where(account_secrets.c.account == account)
    connection.execute(rows.where(account_secrets.c.field.in_(names)))
    if not infos(connection, account):
        connection.execute(delete(account_keys).where(account_keys.c.account == account))


def forget_refusal(connection: Connection, account: str) -> None:
    """Forget what a token endpoint refused: the owner changed something, so it may be asked again."""
    values = {"state": "ok", "reason": "", "kind": "", "failures": 0, "next_try": None}
    connection.execute(update(account_grants).where(account_grants.c.account == account).values(**values))


def forget_grant(connection: Connection, account: str) -> None:
    """Forget the tokens made from a refresh token, and all that is known of its grant: another one takes its place."""
    clear(connection, account, "access_token", "previous_refresh_token")
    connection.execute(delete(account_grants).where(account_grants.c.account == account))


def renew_key(connection: Connection, source: KeySource, account: str) -> int:
    """A fresh data key under the present master key, all secrets of the account sealed again; how many there were."""
    _lock(connection, account)
    master = usable_keys(connection, source)
    known = {info.field: (info, get(connection, source, account, info.field)) for info in infos(connection, account)}
    old = list(connection.scalars(select(account_keys.c.data_key_id).where(account_keys.c.account == account)))
    if known:
        _new_key(connection, master, account)
    for name, (info, secret) in known.items():
        put(connection, source, account, name, secret or Secret(""), info.expires_at)
    connection.execute(
        delete(account_keys).where(account_keys.c.data_key_id.in_(old), account_keys.c.account == account)
    )
    return len(known)


def _lock(connection: Connection, account: str) -> None:
    """Before the master key is read: a rotation that holds the account would retire a key read sooner."""
    connection.execute(select(accounts.c.slug).where(accounts.c.slug == account).with_for_update())


def _key_row(connection: Connection, account: str, data_key_id: str | None = None) -> WrappedKey | None:
    """A data key of the account: the newest, or the one of that id."""
    query = select(account_keys).where(account_keys.c.account == account)
    if data_key_id is not None:
        query = query.where(account_keys.c.data_key_id == data_key_id)
    row = connection.execute(query.order_by(account_keys.c.created_at.desc()).limit(1)).one_or_none()
    return None if row is None else WrappedKey(row.data_key_id, row.master_key_id, bytes(row.wrapped), row.format)


def _new_key(connection: Connection, master: KeyWrapper, account: str) -> WrappedKey:
    key = new_data_key(master, account)
    values = {"data_key_id": key.data_key_id, "master_key_id": key.master_key_id, "wrapped": key.wrapped}
    created = func.clock_timestamp()
    connection.execute(insert(account_keys).values(account=account, format=key.version, created_at=created, **values))
    return key
