"""``mailweir secrets``: the keys that protect stored secrets."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from services.common.accounts.master_key import MasterKeys
    from services.common.accounts.store import AccountStore

_SAME = (
    "a new one has to stand first in its file, or variable; a container sees a file that was replaced only when it is"
    " restarted"
)

_NONE = "no secret is stored yet; with the first one a master key is made"


@contextmanager
def _opened() -> "Iterator[tuple[AccountStore, MasterKeys | None]]":
    """Without keys where none is stored yet and so none is needed: looking must not make one."""
    from services.common.accounts import master_key
    from services.front.context import open_context

    with open_context() as context:
        needed = context.accounts.key_ids() or master_key.is_there(context.home, os.environ)
        keys = master_key.load(context.home, os.environ, may_create=False) if needed else None
        yield context.accounts, keys


@click.group()
def secrets() -> None:
    """Check and rotate the keys that protect secrets.

    Each account has a data key, wrapped by the master key: MAILWEIR_MASTER_KEY, MAILWEIR_MASTER_KEY_FILE or, embedded,
    master.key in MAILWEIR_HOME. Keep a copy of it: without it the stored secrets cannot be read.
    """


@secrets.command()
def check() -> None:
    """Open every stored secret once, without showing any."""
    with _opened() as (store, keys):
        count = store.check_keys()
    click.echo(f"{count} secrets, all open with master key {keys.key_id}" if keys else _NONE)


@secrets.command()
def rotate() -> None:
    """Seal every secret again under the newest master key. Each account gets a new data key.

    Embedded, a new master key is made and the old one retired. On the stack put the new key first in
    MAILWEIR_MASTER_KEY_FILE (one per line), rotate, then remove the old one.
    """
    with _opened() as (store, keys), store.rotation():
        if keys is None:
            click.echo(_NONE)
            return
        store.check_keys()
        if keys.path is not None:
            _rotate_file(store, keys.path)
            return
        before, count = store.key_ids(), store.renew_keys()
        _noted(store, keys.key_id)
        spare = keys.known_ids - store.key_ids()
    click.echo(f"{count} secrets sealed again under master key {keys.key_id}")
    if spare - {keys.key_id}:
        click.echo(f"no longer used, may be removed: {', '.join(sorted(spare - {keys.key_id}))}")
    if before == {keys.key_id}:
        click.echo(f"the master key is the one of before: {_SAME}", err=True)


def _rotate_file(store: "AccountStore", path: Path) -> None:
    """New key beside the old, seal again, prove it, retire the old: killed anywhere in between, both are there."""
    from services.common.accounts.crypto import KEY_OCTETS
    from services.common.accounts.master_key import key_id, load, write

    fresh = os.urandom(KEY_OCTETS)
    write(path, [fresh, *load(path.parent, {}, may_create=False).keys])
    count = store.renew_keys()
    if store.key_ids() <= {key_id(fresh)}:
        store.check_keys()
        write(path, [fresh])
    _noted(store, key_id(fresh))
    click.echo(f"{count} secrets sealed again under the new master key {key_id(fresh)}; keep a copy of {path}")


def _noted(store: "AccountStore", key: str) -> None:
    from services.cli.account_audit import noted

    noted(store, "", "keys-rotate", f"master key {key}")
