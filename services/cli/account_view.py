"""Accounts as JSON objects and as text. A secret appears as "set" with its date, never as text."""

from collections.abc import Sequence
from typing import Any

from services.common.account_fields import Account
from services.common.accounts import AccountStore, SecretInfo


def as_json(account: Account, secrets: Sequence[SecretInfo]) -> dict[str, Any]:
    """One account for programs. ``settings`` holds all that count, ``given`` the names that the owner set."""
    settings = {name: getattr(account.settings, name) for name in account.settings.__struct_fields__}
    return {
        "account": account.slug,
        "host": account.host,
        "port": account.port,
        "tls": account.tls,
        "user": account.user,
        "auth": account.auth,
        "ca_file": account.ca_file,
        "provider": account.provider,
        "state": account.state,
        "changed_at": account.changed_at and account.changed_at.isoformat(),
        "settings": settings,
        "given": sorted(account.given),
        "secrets": {info.field: _secret_json(info) for info in secrets},
    }


def lines(account: Account, secrets: Sequence[SecretInfo]) -> list[str]:
    """One account for people: what is set, then every setting, marked where the owner gave it."""
    head = {
        "account": account.slug,
        "server": f"{account.host}:{account.port} ({'TLS' if account.tls == 'implicit' else 'STARTTLS'})",
        "user": account.user,
        "sign-in": account.auth,
        "provider": account.provider,
        "state": account.state,
        "CA file": account.ca_file or "system",
        "secrets": ", ".join(map(_secret_text, secrets)) or f"none; run: mailweir accounts secret {account.slug}",
    }
    fields = account.settings.__struct_fields__
    values = [
        f"  {name} = {_value(getattr(account.settings, name))}{' *' if name in account.given else ''}"
        for name in fields
    ]
    return [f"{name:9} {value}" for name, value in head.items()] + ["settings  (* given by you)"] + values


def row(account: Account, secrets: Sequence[SecretInfo]) -> tuple[str, ...]:
    """One line of the list: name, server, user, sign-in, state, secret."""
    shown = {info.field for info in secrets} & {"password", "refresh_token"}
    server = f"{account.host}:{account.port}"
    return account.slug, server, account.user, account.auth, account.state, "set" if shown else "none"


def all_with_secrets(store: AccountStore) -> list[tuple[Account, Sequence[SecretInfo]]]:
    """Every account with what is known of its secrets."""
    return [(account, store.secret_infos(account.slug)) for account in store.list()]


def _secret_json(info: SecretInfo) -> dict[str, Any]:
    expires = info.expires_at and info.expires_at.isoformat()
    return {"set": True, "changed_at": info.changed_at.isoformat(), "expires_at": expires}


def _secret_text(info: SecretInfo) -> str:
    return f"{info.field} set {info.changed_at:%Y-%m-%d}"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "-"
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
