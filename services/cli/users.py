"""``mailweir users``: who may sign in to the console, and whose accounts are whose. No password is an argument."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from services.cli import offered
from services.cli.options import secret_options

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from services.console.users import User


_user = click.argument("name", shell_complete=offered.users)


@contextmanager
def opened() -> "Iterator[Engine]":
    """The database of this runtime (embedded or stack)."""
    from services.front.context import open_context

    with open_context() as context:
        yield context.engine


@click.group()
def users() -> None:
    """Add, list and remove users of the console."""


@users.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="Sees all accounts and users; others see their own accounts.")
@secret_options
def add(name: str, secret_file: str | None, dash: str | None, *, admin: bool) -> None:
    """Add a user. The password (10 characters or more) is asked for, or read from --secret-file F or -."""
    from services.cli.secret_input import entered, source_of
    from services.console import users as kept

    password = entered(source_of(secret_file, dash), f"Password of {name}", confirm=True)
    with opened() as engine:
        made = kept.add(engine, name, password, "admin" if admin else "user")
    click.echo(f"user {made.name} added" + (", an administrator" if admin else ""))
    if not admin:
        click.echo(f"next: give them accounts: mailweir users grant {shlex.quote(made.name)} ACCOUNT", err=True)


@users.command()
@_user
@secret_options
def password(name: str, secret_file: str | None, dash: str | None) -> None:
    """Replace a password; the user is signed out everywhere."""
    from services.cli.secret_input import entered, source_of
    from services.console import users as kept

    source = source_of(secret_file, dash)
    with opened() as engine:
        user = kept.get(engine, name)
        kept.set_password(engine, user.name, entered(source, f"New password of {user.name}", confirm=True))
    click.echo(f"user {user.name}: password changed, all sessions ended")


@users.command("list")
@click.option("--json", "as_json", is_flag=True, help="A list of objects, for programs.")
def list_users(as_json: bool) -> None:
    """List all users with their accounts."""
    from services.console import ownership
    from services.console import users as kept
    from services.front import plain

    with opened() as engine:
        found = [(user, ownership.visible(engine, user)) for user in kept.everyone(engine)]
    if as_json:
        click.echo(plain.indented([_row(user, accounts) for user, accounts in found]))
        return
    for user, accounts in found:
        click.echo(f"{user.name}  {user.role}  {', '.join(accounts) or '-'}")
    if not found:
        click.echo("no users yet; add one with: mailweir users add NAME --admin")


def _row(user: "User", accounts: "Sequence[str]") -> dict[str, object]:
    return {"name": user.name, "role": user.role, "accounts": list(accounts)}


@users.command()
@_user
def remove(name: str) -> None:
    """Remove a user and their sessions; accounts and mail stay."""
    from services.console import users as kept

    with opened() as engine:
        kept.remove(engine, name)
    click.echo(f"user {kept.normal(name)} removed")


@users.command()
@_user
@click.argument("accounts", metavar="ACCOUNT...", nargs=-1, required=True, shell_complete=offered.accounts)
def grant(name: str, accounts: tuple[str, ...]) -> None:
    """Let a user see and change accounts."""
    _share(name, accounts, granted=True)


@users.command()
@_user
@click.argument("accounts", metavar="ACCOUNT...", nargs=-1, required=True, shell_complete=offered.accounts)
def revoke(name: str, accounts: tuple[str, ...]) -> None:
    """Take accounts from a user again."""
    _share(name, accounts, granted=False)


@users.command()
@_user
def token(name: str) -> None:
    """Print a new token for a program. Sent as Authorization: Bearer, it ends after 90 days or with the password."""
    from services.common.clock import SystemClock
    from services.console import handlers, sessions
    from services.console import users as kept

    with opened() as engine:
        user = kept.get(engine, name)
        session = sessions.start(engine, user, "program", SystemClock().now(), handlers.PROGRAM_LASTS)
    click.echo(session.token)


def _share(name: str, accounts: tuple[str, ...], *, granted: bool) -> None:
    from services.common.accounts.store import open_accounts
    from services.common.settings import load
    from services.console import ownership
    from services.console import users as kept

    with opened() as engine:
        user, store = kept.get(engine, name), open_accounts(engine, load().home_path)
        slugs = [store.get(account).slug for account in accounts]
        for slug in slugs:
            (ownership.own if granted else ownership.disown)(engine, user, slug)
    click.echo(f"user {user.name} {'has' if granted else 'no longer has'} {', '.join(slugs)}")
