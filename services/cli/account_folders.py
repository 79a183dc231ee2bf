"""``mailweir accounts folders``: what the server lists, and which of it the account takes."""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from services.cli.options import account_argument

if TYPE_CHECKING:
    from services.common.accounts.store import Account, AccountStore
    from services.poller.imap.model import Folder


@click.command()
@account_argument
@click.option("--json", "as_json", is_flag=True, help="A list of objects, for programs.")
def folders(name: str, *, as_json: bool) -> None:
    """Show the folders of the server, and which are chosen. Nothing is changed there."""
    from services.cli.account_store import opened
    from services.front import plain

    with opened() as store:
        account = store.get(name)
        found = _found(store, account)
    rows = [_row(account, folder) for folder in found]
    if as_json:
        click.echo(plain.indented(rows))
    else:
        for row in rows:
            mark = "✓" if row["chosen"] else "·" if row["selectable"] else " "
            click.echo(f"{mark} {plain.named(row['folder'])}{'  ' + row['special_use'] if row['special_use'] else ''}")
    _complain(account, found)


def _found(store: "AccountStore", account: "Account") -> "tuple[Folder, ...]":
    """The server's list; without one the reason and what to do about it, as an exit code."""
    from services.cli.language import language
    from services.common.accounts.providers import profile
    from services.front.retold import said
    from services.poller.imap.errors import ImapError, about

    try:
        return asyncio.run(_listed(store, account))
    except ImapError as error:
        click.echo(f"mailweir: {said(str(error), language())}", err=True)
        click.echo(profile(account.provider).advise(about(error), language(), account.slug), err=True)
        raise SystemExit(error.exit_code) from None


async def _listed(store: "AccountStore", account: "Account") -> "tuple[Folder, ...]":
    from services.common.accounts.providers import profile
    from services.common.clock import SystemClock
    from services.common.oauth.tokens import sign_in_secret
    from services.poller.doctor.model import Visit
    from services.poller.doctor.visit import folders_of

    clock = SystemClock()
    return await folders_of(
        Visit(account, profile(account.provider), lambda fresh: sign_in_secret(account, store, clock, fresh), clock)
    )


def _row(account: "Account", folder: "Folder") -> dict[str, Any]:
    from services.poller.domain.choose import chosen

    settings = account.settings
    return {
        "folder": folder.name,
        "wire": folder.wire.decode("ascii", "backslashreplace"),
        "special_use": folder.special_use,
        "selectable": folder.selectable,
        "chosen": chosen(folder, settings.include, settings.exclude),
    }


def _complain(account: "Account", found: "tuple[Folder, ...]") -> None:
    from services.poller.domain.choose import unmatched

    for pattern in unmatched(account.settings.include, found):
        click.echo(f"include {pattern!r} fits no folder of {account.slug}", err=True)
