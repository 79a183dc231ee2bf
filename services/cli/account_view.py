"""Accounts as JSON objects and as text. A secret appears as "set" with its date, never as text."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from services.cli.language import language
from services.cli.terminal import tables
from services.common.accounts.fields import Account
from services.common.accounts.store import AccountStore, SecretInfo
from services.common.completeness import SignInStatus, signins
from services.front.retold import said


class View(Struct, frozen=True):
    """What is shown of an account."""

    account: Account
    secrets: Sequence[SecretInfo]
    signin: SignInStatus


def as_json(view: View) -> dict[str, Any]:
    """One account for programs. ``settings`` holds all that count, ``given`` the names that the owner set.

    ``signin`` is the same as in ``mailweir status --json``.
    """
    account = view.account
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
        "signin": msgspec.to_builtins(view.signin),
        "changed_at": account.changed_at and account.changed_at.isoformat(),
        "settings": settings,
        "given": sorted(account.given),
        "secrets": {info.field: _secret_json(info) for info in view.secrets},
    }


def lines(view: View) -> list[str]:
    """One account for people: what is set, then every setting, marked where the owner gave it."""
    account, signin = view.account, view.signin
    last = ": ".join(filter(None, (signin.state, said(signin.detail, language()))))
    head = {
        "account": account.slug,
        "server": f"{account.host}:{account.port} ({'TLS' if account.tls == 'implicit' else 'STARTTLS'})",
        "user": account.user,
        "sign-in": account.auth,
        "provider": account.provider,
        "state": f"{account.state}, last sign-in: {last}",
        "CA file": account.ca_file or "system",
        "secrets": ", ".join(map(_secret_text, view.secrets)) or f"none; run: mailweir accounts secret {account.slug}",
    }
    fields = account.settings.__struct_fields__
    values = [
        f"  {name} = {_value(getattr(account.settings, name))}{' *' if name in account.given else ''}"
        for name in fields
    ]
    return [f"{name:9} {value}" for name, value in head.items()] + ["settings  (* given by you)"] + values


def print_table(views: Sequence[View]) -> None:
    """A line for each account, folded to the width of a terminal."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("account", "server", "user", "sign-in", "state", "secret"):
        table.add_column(name, overflow="fold")
    for view in views:
        table.add_row(*_row(view))
    tables().print(table)


def _row(view: View) -> tuple[str, ...]:
    account = view.account
    shown = {info.field for info in view.secrets} & {"password", "refresh_token"}
    server = f"{account.host}:{account.port}"
    return account.slug, server, account.user, account.auth, account.state, "set" if shown else "none"


def views(store: AccountStore, accounts: Sequence[Account]) -> list[View]:
    """The accounts with what is known of their secrets and their last sign-in."""
    known = signins(store.engine)
    return [
        View(account, store.secret_infos(account.slug), known.get(account.slug, SignInStatus())) for account in accounts
    ]


def _secret_json(info: SecretInfo) -> dict[str, Any]:
    expires = info.expires_at and info.expires_at.isoformat()
    return {"set": True, "changed_at": info.changed_at.isoformat(), "expires_at": expires}


def _secret_text(info: SecretInfo) -> str:
    return f"{info.field} set {info.changed_at:%Y-%m-%d}"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "-"
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
