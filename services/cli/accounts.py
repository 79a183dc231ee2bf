"""``mailweir accounts``: what is retrieved, from where, and with which secret. Secrets never come from an argument."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from services.cli import offered
from services.cli.account_folders import folders
from services.cli.account_store import opened
from services.cli.authorize import authorize
from services.cli.language import language
from services.cli.options import account_argument, secret_options, server_options

if TYPE_CHECKING:
    from services.common.accounts.fields import Account, State
    from services.common.accounts.store import AccountStore
    from services.front.context import Context


@click.group()
def accounts() -> None:
    """Add, list, change and remove mail accounts."""


@accounts.command()
@click.argument("name", metavar="NAME|ADDRESS")
@server_options
@secret_options
def add(name: str, secret_file: str | None, dash: str | None, **typed: Any) -> None:
    """Add an account.

    With a mail ADDRESS the provider, the server and the user are found; only the password, app password or
    authorization code (授权码) is asked for, or read from --secret-file F, or from standard input with -.
    For example: mailweir accounts add me@gd.chinamobile.com

    With a NAME: mailweir accounts add work --host imap.example.org --user me@example.org
    """
    from services.cli.account_audit import noted
    from services.cli.secret_input import read_secret, source_of
    from services.common.accounts.providers import profile
    from services.front.account_input import Typed, new_account, slug_for, unheeded

    source = source_of(secret_file, dash)
    if source is None:
        with opened() as store:
            store.check_free(slug_for(name))  # before a person is asked for the secret
    account, remark = new_account(name, Typed(**typed))
    known = profile(account.provider)
    asks = not account.by_token or source is not None
    question = known.advise("secret", language())
    secret = read_secret(source, question) if asks else None
    with opened() as store:
        given = [(_field(account, None), secret)] if secret else []
        store.add(account, *given)
        noted(store, account.slug, "account-add", f"with {given[0][0]}" if given else "")
    click.echo(f"account {account.slug} added: {account.host}:{account.port}, {known.text(known.name, language())}")
    for line in filter(None, (remark, unheeded(account))):
        click.echo(line, err=True)
    if secret and source is None:
        _first_sign_in(account.slug, question)
    click.echo(f"next: {_next_step(account, bool(secret))}", err=True)


@accounts.command("list")
@click.option("--json", "as_json", is_flag=True, help="A list of objects, for programs.")
def list_accounts(as_json: bool) -> None:
    """List all accounts."""
    from services.cli import account_view as view
    from services.front import plain

    with opened() as store:
        found = view.views(store, store.list())
    if as_json:
        click.echo(plain.indented([view.as_json(each) for each in found]))
    elif found:
        view.print_table(found)
    else:
        click.echo("no accounts yet; add one with: mailweir accounts add ADDRESS")


@accounts.command()
@account_argument
@click.option("--json", "as_json", is_flag=True, help="One object, for programs.")
def show(name: str, as_json: bool) -> None:
    """Show one account with all its settings."""
    from services.cli import account_view as view
    from services.front import plain

    with opened() as store:
        (found,) = view.views(store, [store.get(name)])
    if as_json:
        click.echo(plain.indented(view.as_json(found)))
    else:
        click.echo("\n".join(view.lines(found)))


@accounts.command("set")
@account_argument
@server_options
@click.argument("more", metavar="[KEY=VALUE]...", nargs=-1, shell_complete=offered.settings)
def change(name: str, more: tuple[str, ...], **typed: Any) -> None:
    """Change an account. A running poller takes it over within 2 s. A new host or user clears the stored secrets."""
    from services.cli.account_audit import changes, noted
    from services.common.errors import ConfigurationError
    from services.front.account_input import Typed, changed_account, unheeded

    typed["pairs"] = (*typed["pairs"], *more)
    if not any(value not in (None, ()) for value in typed.values()):
        raise ConfigurationError("nothing to change: give an option or KEY=VALUE; mailweir accounts set --help")
    with opened() as store:
        before = store.get(name)
        account, cleared = store.update(changed_account(before, Typed(**typed)))
        noted(store, account.slug, "account-set", changes(before, account) + ("; secrets cleared" if cleared else ""))
    click.echo(f"account {account.slug} changed")
    if told := unheeded(account):
        click.echo(told, err=True)
    if cleared:
        click.echo(f"its secrets were cleared; enter them again: mailweir accounts secret {account.slug}", err=True)


@accounts.command()
@account_argument
@click.option(
    "--field",
    type=click.Choice(["password", "refresh_token", "client_secret"]),
    help="Default: what the account signs in with.",
)
@click.option("--clear", is_flag=True, help="Forget the secrets of the account (with --field: only that one).")
@secret_options
def secret(name: str, field: str | None, clear: bool, secret_file: str | None, dash: str | None) -> None:
    """Enter or replace a secret: a password, an authorization code (授权码), a token.

    It comes from a prompt, from --secret-file F, or from standard input with -.
    """
    from services.cli.account_audit import noted
    from services.cli.secret_input import entered, source_of
    from services.common.accounts.providers import profile

    source = source_of(secret_file, dash)
    with opened() as store:
        account = store.get(name)
        if clear:
            store.clear_secret(account.slug, *([field] if field else []))
            noted(store, account.slug, "account-secret", f"{field or 'all'} cleared")
            click.echo(f"account {account.slug}: {field or 'all secrets'} cleared")
            return
        field = _field(account, field)
        question = profile(account.provider).advise("secret", language()) if field == "password" else field
        store.put_secret(account.slug, field, entered(source, question))
        noted(store, account.slug, "account-secret", f"{field} stored")
    click.echo(f"account {account.slug}: {field} stored, encrypted")
    then = "accounts authorize" if field == "client_secret" else "check"
    click.echo(f"next: mailweir {then} {account.slug}", err=True)


@accounts.command()
@account_argument
def pause(name: str) -> None:
    """Stop retrieving for an account; what is stored stays."""
    _set_state(name, "paused")


@accounts.command()
@account_argument
def resume(name: str) -> None:
    """Go on retrieving for an account, and try its sign-in again."""
    _set_state(name, "active")


@accounts.command()
@account_argument
@click.option("--erase", is_flag=True, help="Also erase its mail: rows and objects. There is no way back.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, erase: bool, yes: bool) -> None:
    """Forget an account and its secrets. Its mail stays unless --erase is given, now or later."""
    from services.cli.account_audit import noted
    from services.cli.terminal import is_terminal
    from services.front.context import open_context

    with open_context() as context:
        store = context.accounts
        slug = _whose_mail(context, name) if erase else store.get(name).slug
        if erase and not yes and is_terminal(sys.stdin):
            click.confirm(f"erase all mail of {slug}, rows and objects", abort=True)
        if erase:
            objects, rows = _erased(context, slug)
            click.echo(f"erased {objects} objects and {rows} rows")
        else:
            _refuse_erased(store, slug)
            store.remove(slug)
        noted(store, slug, "account-remove", "with all its mail" if erase else "its mail stays")
    click.echo(f"account {slug} removed{' with all its mail' if erase else '; its mail stays'}")


@accounts.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--prune", is_flag=True, help="Also remove accounts that the file does not name (their mail stays).")
@click.option("--if-named", is_flag=True, help="Without FILE and MAILWEIR_ACCOUNTS_FILE do nothing.")
def apply(file: Path | None, prune: bool, if_named: bool) -> None:
    """Bring the accounts to what a TOML FILE says. Default: MAILWEIR_ACCOUNTS_FILE. Again and again is harmless."""
    from services.cli.accounts_file import VARIABLE, apply_file

    if if_named and not (file or os.environ.get(VARIABLE)):
        click.echo(f"no accounts file is named ({VARIABLE})")
        return
    with opened() as store:
        for line in apply_file(store, file, prune=prune):
            click.echo(line)


accounts.add_command(authorize)
accounts.add_command(folders)


def _field(account: "Account", field: str | None) -> str:
    """Where an unnamed secret goes: a refresh token when the account can renew tokens, else the password."""
    from services.common.accounts.providers import profile

    if field or not account.by_token:
        return field or "password"
    renewable = account.settings.oauth_token_url or profile(account.provider).oauth
    return "refresh_token" if renewable else "password"


def _first_sign_in(name: str, question: str) -> None:
    """Somebody sits at the terminal: try what was typed at once."""
    from services.cli.first_signin import settle
    from services.cli.secret_input import read_secret
    from services.common.clock import SystemClock

    with opened() as store:
        code = settle(store, store.get(name), SystemClock(), lambda: read_secret(None, question), click.echo)
    raise SystemExit(code)


def _refuse_erased(store: "AccountStore", slug: str) -> None:
    """What a page asked to erase does not stay, and is not retrieved again meanwhile."""
    from services.common.errors import ConfigurationError
    from services.console.erasing import erasure_of

    if found := erasure_of(store.engine, slug):
        raise ConfigurationError(
            f"the mail of {slug} is being erased, as {found.asked_by} asked the console; wait, or finish it here:"
            f" mailweir accounts remove {slug} --erase"
        )


def _whose_mail(context: "Context", name: str) -> str:
    """The account of that name or address; one that was removed counts as long as it has mail."""
    from services.cli.choice import account_of, has_objects
    from services.common import lookup

    def remains(slug: str) -> bool:
        return lookup.is_known(context.engine, lookup.Choice(account=slug)) or has_objects(context, slug)

    return account_of(context, name, remains)


def _erased(context: "Context", slug: str) -> tuple[int, int]:
    """Erase an account and its mail; it goes on as it was when nothing could be erased."""
    from services.common.errors import MailweirError
    from services.front.erasing import InUse, erased

    before = context.accounts.find(slug)
    try:
        return erased(context, slug, embedded=context.embedded)
    except InUse:
        if before:
            context.accounts.set_state(slug, before.state)
        raise
    except MailweirError:
        stays = f"account {slug} stays paused; " if before else ""
        click.echo(f"{stays}the same command again erases what is left", err=True)
        raise


def _next_step(account: "Account", has_secret: bool) -> str:
    if account.by_token and not has_secret:
        return f"mailweir accounts authorize {account.slug}"
    return f"mailweir {'check' if has_secret else 'accounts secret'} {account.slug}"


def _set_state(name: str, state: "State") -> None:
    from services.cli.account_audit import noted

    with opened() as store:
        account = store.get(name)
        _refuse_erased(store, account.slug)
        store.set_state(account.slug, state)
        noted(store, account.slug, "account-resume" if state == "active" else "account-pause")
    click.echo(f"account {account.slug} {state}")
