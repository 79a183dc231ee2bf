"""The declarative accounts file (TOML): the stack's accounts in one place, applied idempotently.

``[accounts.NAME]`` with host, port, tls, user, auth, ca_file, folders, paused, secret_file, refresh_token_file,
client_secret_file, and ``[accounts.NAME.settings]``. What the file does not name has its default. Secrets are
referred to by file; a stored refresh token is never overwritten, since it may have been renewed meanwhile.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from services.cli.account_audit import noted
from services.cli.secret_input import read_file
from services.common.accounts.fields import Account, slug_of
from services.common.accounts.providers import profile, profile_for
from services.common.accounts.settings import SettingErrors, parse_mapping, settings_of
from services.common.accounts.store import AccountStore
from services.common.errors import ConfigurationError
from services.common.secret import Secret
from services.console.erasing import waiting
from services.front.account_input import Connection, Typed, new_account, unheeded

VARIABLE = "MAILWEIR_ACCOUNTS_FILE"
_SAME = ("host", "port", "tls", "user", "auth", "ca_file", "provider", "given")


class Declared(Connection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account of the file."""

    paused: bool = False
    secret_file: str | None = None
    refresh_token_file: str | None = None
    client_secret_file: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)


class Wanted(Struct, frozen=True):
    """One account as it shall be, checked, with the secrets of the files that it names."""

    account: Account
    secrets: Mapping[str, Secret]


def apply_file(store: AccountStore, path: Path | None, *, prune: bool = False) -> Iterator[str]:
    """Apply the file; one line per account says what was done. What a page asked to erase is neither kept nor lost.

    Raises:
        SettingErrors: bad fields of all accounts, one line each; nothing was applied.
        ConfigurationError: no file, not TOML, or a secret file that cannot be read.

    """
    present = {account.slug: account for account in store.list()}
    wanted = _wanted(_read(path), present)
    if prune and not wanted:
        raise ConfigurationError("the accounts file names no account, and --prune would remove all; nothing was done")
    going = frozenset(waiting(store.engine))
    for each in wanted:
        slug = each.account.slug
        if slug in going:
            yield f"account {slug}: left alone, its mail is being erased, as a page asked"
            continue
        done = _apply(store, present.get(slug), each.account)
        done += ", secret stored" if _apply_secrets(store, slug, each.secrets) else ""
        if done != "unchanged":
            noted(store, slug, "account-apply", done)
        yield f"account {slug}: {done}"
        if told := unheeded(each.account):
            yield f"account {slug}: {told}"
    for slug in sorted(present.keys() - going - {each.account.slug for each in wanted}) if prune else ():
        store.remove(slug)
        noted(store, slug, "account-remove", "not in the accounts file")
        yield f"account {slug}: removed; its mail stays"


def _read(path: Path | None) -> Mapping[str, Any]:
    name = path or os.environ.get(VARIABLE)
    if not name:
        raise ConfigurationError(f"no accounts file: name it, or set {VARIABLE}")
    try:
        found = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"accounts file {name} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"accounts file {name} is not TOML: {error}") from error
    declared = found.pop("accounts", {})
    if found or not isinstance(declared, dict):
        other = ", ".join(sorted(found)) or "accounts"
        raise ConfigurationError(f"accounts file {name}: what is {other}? It holds tables [accounts.NAME] only")
    return declared


def _wanted(tables: Mapping[str, Any], present: Mapping[str, Account]) -> list[Wanted]:
    """Checked accounts; all bad fields of all accounts in one error."""
    good, lines = [], []
    for name, table in tables.items():
        try:
            item = msgspec.convert(table, Declared)
            good.append(Wanted(_account(name, item, present), _secrets(item)))
        except SettingErrors as errors:
            lines += [f"{name}.{line}" for line in errors.lines]
        except msgspec.ValidationError as error:
            lines.append(f"{name}: {error}; a table holds {', '.join(Declared.__struct_fields__)}")
        except ConfigurationError as error:
            lines.append(f"{name}: {error}")
    if lines:
        raise SettingErrors(lines)
    return good


def _account(name: str, item: Declared, present: Mapping[str, Account]) -> Account:
    connection = replace(item, host=item.host or _host_found_before(name, item, present))
    account, _ = new_account(name, msgspec.convert(connection, Typed, from_attributes=True))
    given = {**account.given, **parse_mapping(item.settings)}
    settings = settings_of(given, profile(account.provider).settings)
    return replace(account, given=given, settings=settings, state="paused" if item.paused else "active")


def _host_found_before(name: str, item: Declared, present: Mapping[str, Account]) -> str | None:
    """The host of an earlier look at the network: another one now would clear the secrets."""
    user = item.user or name
    before = present.get(slug_of(name) if "@" in name else name)
    usual = profile_for(user).hosts_of(user.rpartition("@")[2].lower())
    return before.host if before and before.user == user and before.host in usual else None


def _apply(store: AccountStore, before: Account | None, account: Account) -> str:
    if before is None:
        store.add(account)
        return "added"
    done = "unchanged"
    if any(getattr(before, name) != getattr(account, name) for name in _SAME):
        _, cleared = store.update(account)
        done = "changed, old secrets cleared" if cleared else "changed"
    elif before.state != account.state:
        store.set_state(account.slug, account.state)
        done = account.state
    return done


def _secrets(declared: Declared) -> dict[str, Secret]:
    """What is in the files of secrets. Raises ConfigurationError."""
    files = {
        "password": declared.secret_file,
        "client_secret": declared.client_secret_file,
        "refresh_token": declared.refresh_token_file,
    }
    return {name: read_file(file) for name, file in files.items() if file}


def _apply_secrets(store: AccountStore, slug: str, secrets: Mapping[str, Secret]) -> bool:
    """Store each secret that differs from the stored one; whether any did."""
    stored = False
    for name, secret in secrets.items():
        known = store.get_secret(slug, name)
        if known != secret and not (name == "refresh_token" and known):
            store.put_secret(slug, name, secret)
            stored = True
    return stored
