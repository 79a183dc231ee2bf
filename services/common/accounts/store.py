"""Accounts in Postgres. All calls block; asynchronous callers use ``asyncio.to_thread``.

Each change by the owner moves :meth:`AccountStore.marker` in the same transaction, so that a running poller which looks
at it once a second sees the change, and reads again only then. Renewed tokens do not move it.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from services.common.accounts import master_key, secrets
from services.common.accounts.fields import Account, State, checked
from services.common.accounts.providers import profile
from services.common.accounts.secrets import KeySource, SecretInfo
from services.common.accounts.settings import parse_stored, settings_of
from services.common.accounts.tables import account_changes, accounts
from services.common.database import is_text, transaction
from services.common.errors import ConfigurationError
from services.common.secret import Secret

__all__ = ["Account", "AccountStore", "SecretInfo", "open_accounts"]
_ROTATION_LOCK = 0x4D57_0001
_FORGET_STATUS = text("DELETE FROM account_status WHERE account_id = :account")
_STORED = ("slug", "host", "port", "tls", "auth", "ca_file", "provider", "state")


def open_accounts(engine: Engine, home: Path, environ: Mapping[str, str] = os.environ) -> "AccountStore":
    """The store of a database, with the master key of the environment or, embedded, of ``home`` (read when needed)."""
    return AccountStore(engine, lambda may_create: master_key.load(home, environ, may_create=may_create))


def unknown(name: str) -> ConfigurationError:
    """What to raise when there is no account of that name."""
    return ConfigurationError(f"there is no account {name!r}; `mailweir accounts list` shows them")


class AccountStore:
    """Accounts, their secrets and the change marker. ``memory`` holds the access token last handed out per account."""

    def __init__(self, engine: Engine, keys: KeySource) -> None:
        self.engine = engine
        self.keys = keys
        self.memory: dict[str, Secret] = {}

    def add(self, account: Account, *given: tuple[str, Secret]) -> Account:
        """Store a new account with its secrets (field, secret), all or nothing.

        Raises:
            SettingErrors: bad fields, one line each.
            ConfigurationError: the name is taken, or the master key is lost or wrong.

        """
        account = checked(account)
        with transaction(self.engine) as connection:
            version = _next_version(connection)
            self._check_free(connection, account.slug)
            connection.execute(insert(accounts).values(**_columns(account), version=version))
            _forget_status(connection, account.slug)
            for name, secret in given:
                secrets.put(connection, self.keys, account.slug, name, secret)
        return self.get(account.slug)

    def check_free(self, slug: str) -> None:
        """Raise ConfigurationError when the name is taken."""
        with transaction(self.engine) as connection:
            self._check_free(connection, slug)

    def get(self, slug: str) -> Account:
        """As :meth:`find`. Raises ConfigurationError also when there is none."""
        found = self.find(slug)
        if found is None:
            raise unknown(slug)
        return found

    def find(self, slug: str) -> Account | None:
        """The account of that name, or of that mail address.

        Raises ConfigurationError when several have the address: none of them may be taken for the one that is meant.
        """
        if not is_text(slug):
            return None
        with transaction(self.engine) as connection:
            row = self._row(connection, slug)
            rows = [row] if row else self._of_address(connection, slug)
        if len(rows) > 1:
            raise ConfigurationError(
                f"several accounts are for {slug}: {', '.join(row.slug for row in rows)}; name one"
            )
        return _account(rows[0]) if rows else None

    def list(self) -> Sequence[Account]:
        """All accounts by name."""
        with transaction(self.engine) as connection:
            return [_account(row) for row in connection.execute(select(accounts).order_by(accounts.c.slug))]

    def update(self, account: Account) -> tuple[Account, bool]:
        """Store a changed account; a change of host or user clears its secrets, and the second value says so.

        Raises:
            SettingErrors: bad fields, one line each.
            ConfigurationError: there is no such account.

        """
        account = checked(account)
        before = self.get(account.slug)
        moved = (before.host, before.user) != (account.host, account.user)
        with transaction(self.engine) as connection:
            cleared = moved and bool(secrets.infos(connection, account.slug))
            if moved:
                secrets.clear_all(connection, account.slug)
                _forget_status(connection, account.slug)
            self._touch(connection, account.slug, **_columns(account))
            secrets.forget_refusal(connection, account.slug)
        return self.get(account.slug), cleared

    def set_state(self, slug: str, state: State) -> None:
        """Pause or resume."""
        with transaction(self.engine) as connection:
            self._touch(connection, slug, state=state)
            secrets.forget_refusal(connection, slug)

    def look_now(self, slug: str) -> None:
        """Let a running poller begin with this account again within two seconds, also after a refusal."""
        with transaction(self.engine) as connection:
            self._touch(connection, slug)
            secrets.forget_refusal(connection, slug)

    def remove(self, slug: str, then: Callable[[Connection], None] = lambda _: None) -> None:
        """Forget the account and its secrets; its mail stays. Raises ConfigurationError when there is none.

        ``then`` writes in the same transaction.
        """
        with transaction(self.engine) as connection:
            _next_version(connection)
            if connection.execute(delete(accounts).where(accounts.c.slug == slug)).rowcount == 0:
                raise unknown(slug)
            then(connection)

    def marker(self) -> int:
        """A number that grows with every change by an owner (add, update, pause, secret, remove)."""
        with transaction(self.engine) as connection:
            return connection.scalar(select(account_changes.c.marker)) or 0

    def put_secret(self, slug: str, field: str, secret: Secret) -> None:
        """Seal and store a secret that the owner gave, durable on return; what was known of the one before is gone."""
        with transaction(self.engine) as connection:
            self._touch(connection, slug)
            secrets.forget_refusal(connection, slug)
            _forget_status(connection, slug)
            if field == "refresh_token":
                secrets.forget_grant(connection, slug)
            secrets.put(connection, self.keys, slug, field, secret)

    def get_secret(self, slug: str, field: str = "password") -> Secret | None:
        """The secret of that field, None when not set. Raises ConfigurationError for a lost or wrong key."""
        with transaction(self.engine) as connection:
            return secrets.get(connection, self.keys, slug, field)

    def clear_secret(self, slug: str, *fields: str) -> None:
        """Forget the named secrets, or all of them."""
        with transaction(self.engine) as connection:
            secrets.clear(connection, slug, *fields) if fields else secrets.clear_all(connection, slug)
            _forget_status(connection, slug)
            self._touch(connection, slug)

    def secret_infos(self, slug: str) -> Sequence[SecretInfo]:
        """Which secrets are set and since when; never their text."""
        with transaction(self.engine) as connection:
            return secrets.infos(connection, slug)

    def key_ids(self) -> set[str]:
        """Ids of the master keys that stored secrets need."""
        with transaction(self.engine) as connection:
            return secrets.master_key_ids(connection)

    @contextmanager
    def rotation(self) -> Iterator[None]:
        """While inside, no other process rotates keys."""
        with transaction(self.engine) as connection:
            connection.execute(select(func.pg_advisory_xact_lock(_ROTATION_LOCK)))
            yield

    def check_start(self) -> None:
        """At the start of a service: every needed master key is here. Raises ConfigurationError, which names them."""
        with transaction(self.engine) as connection:
            if secrets.master_key_ids(connection):
                secrets.usable_keys(connection, self.keys)

    def check_keys(self) -> int:
        """Open every stored secret once and say how many there are. Raises ConfigurationError or Undecryptable."""
        with transaction(self.engine) as connection:
            names = [(account.slug, info.field) for account in self.list() for info in self.secret_infos(account.slug)]
            if names:
                secrets.usable_keys(connection, self.keys)
            return sum(1 for slug, field in names if secrets.get(connection, self.keys, slug, field))

    def renew_keys(self) -> int:
        """Fresh data keys under the present master key for all accounts; how many secrets were sealed again.

        Accounts that are being added, with keys as they were before, are waited for.
        """
        with transaction(self.engine) as connection:
            _next_version(connection)
        count = 0
        for account in self.list():
            with transaction(self.engine) as connection:
                count += secrets.renew_key(connection, self.keys, account.slug)
        return count

    def _check_free(self, connection: Connection, slug: str) -> None:
        taken = self._row(connection, slug)
        if taken:
            raise ConfigurationError(
                f"account {slug} exists already, for {taken.username}; change it with `mailweir accounts set {slug}`, "
                f"its secret with `mailweir accounts secret {slug}`; for another one: accounts add NAME --user USER"
            )

    def _row(self, connection: Connection, slug: str) -> Row[Any] | None:
        return connection.execute(select(accounts).where(func.lower(accounts.c.slug) == slug.lower())).one_or_none()

    def _of_address(self, connection: Connection, address: str) -> Sequence[Row[Any]]:
        """By login name, if it is an address: another one may be the name of an account that was removed."""
        wanted = func.lower(accounts.c.username) == address.lower()
        return connection.execute(select(accounts).where(wanted).order_by("slug")).all() if "@" in address else ()

    def _touch(self, connection: Connection, slug: str, /, **columns: object) -> None:
        values = {**columns, "version": _next_version(connection), "changed_at": func.now()}
        if connection.execute(update(accounts).where(accounts.c.slug == slug).values(**values)).rowcount == 0:
            raise unknown(slug)


def _next_version(connection: Connection) -> int:
    """The next marker; its row lock puts changes in one order, so that a reader of the marker never misses one.

    Where somebody emptied the tables it begins anew.
    """
    first = insert(account_changes).values(id=1, marker=1)
    bump = first.on_conflict_do_update(index_elements=["id"], set_={"marker": account_changes.c.marker + 1})
    version: int = connection.execute(bump.returning(account_changes.c.marker)).scalar_one()
    return version


def _forget_status(connection: Connection, account: str) -> None:
    """What is told of a sign-in with another secret, host or user, or of a removed account, says nothing any more."""
    connection.execute(_FORGET_STATUS, {"account": account})


def _columns(account: Account) -> dict[str, object]:
    given = {key: value for key, value in account.given.items() if value is not None}
    return {name: getattr(account, name) for name in _STORED} | {"username": account.user, "settings": given}


def _account(row: Row[Any]) -> Account:
    given = parse_stored(row.settings)
    return msgspec.convert(
        {name: getattr(row, name) for name in _STORED}
        | {"user": row.username, "version": row.version, "changed_at": row.changed_at, "given": given}
        | {"settings": settings_of(given, profile(row.provider).settings)},
        Account,
        from_attributes=True,
    )
