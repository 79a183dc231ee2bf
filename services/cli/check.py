"""``mailweir check``: the login doctor. Tests a stored account, or a mail address that is not stored yet."""

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from services.cli import offered
from services.cli.options import secret_options

if TYPE_CHECKING:
    from services.common.accounts.store import AccountStore
    from services.common.secret import Secret
    from services.poller.doctor.model import Step, Visit


@click.command()
@click.argument("name", metavar="NAME|ADDRESS", shell_complete=offered.accounts)
@click.option("--json", "as_json", is_flag=True, help="One object, for programs.")
@click.option("--lang", type=click.Choice(["en", "zh"]), default=None, help="English or Chinese; default: by locale.")
@click.option("--full", is_flag=True, help="Also show addresses, the user and folder names: not for a public ticket.")
@secret_options
def check(name: str, *, as_json: bool, lang: str | None, full: bool, secret_file: str | None, dash: str | None) -> None:
    """Test a connection step by step: what was seen, and what to do. Nothing on the server changes.

    The result is safe to paste into a ticket: no secret, no address unless --full. Exit codes: 0 all is well,
    2 configuration, 3 try again later, 4 sign-in refused, 5 connection or TLS failure.
    """
    from services.cli.account_store import opened
    from services.cli.language import language
    from services.cli.secret_input import source_of
    from services.front import doctor_view as view
    from services.front import plain

    lang = lang or language()
    with opened() as store:
        visit = _visit(store, name, source_of(secret_file, dash))
        account, known = visit.account, visit.profile
        show = None if as_json else lambda step: _print(view.line(step, account, lang, full=full), step.outcome)
        steps = asyncio.run(_examined(visit, show))
    if as_json:
        click.echo(plain.indented(view.as_json(steps, account, known, lang, full=full)))
    else:
        for text in filter(None, (view.untried(steps, lang), view.verdict(steps, lang))):
            click.echo(text)
        for text in filter(None, (view.advice(step, account, known, lang, full=full) for step in steps)):
            click.echo(f"→ {text}")
    raise SystemExit(view.exit_code(steps))


async def _examined(visit: "Visit", show: "Callable[[Step], None] | None") -> "list[Step]":
    from services.poller.doctor.visit import examine

    steps = []
    async for step in examine(visit):
        steps.append(step)
        if show and step.outcome != "skipped":
            show(step)
    return steps


def _visit(store: "AccountStore", name: str, source: str | None) -> "Visit":
    """What to test: the stored account of that name or address, else an account made up from the address."""
    from services.cli.language import language
    from services.cli.secret_input import read_secret
    from services.common.accounts.providers import profile
    from services.common.clock import SystemClock
    from services.common.errors import ConfigurationError
    from services.common.oauth.grants import notable_skew
    from services.common.oauth.tokens import sign_in_secret
    from services.front.account_input import Typed, new_account
    from services.poller.doctor.model import Visit

    clock, stored = SystemClock(), store.find(name)
    account = stored or (new_account(name, Typed())[0] if "@" in name else store.get(name))
    known = profile(account.provider)
    typed = read_secret(source, known.advise("secret", language())) if source or stored is None else None

    async def credentials(fresh: bool) -> "tuple[Secret | None, bool]":
        if typed is not None:
            return typed, account.by_token
        if stored is None:
            raise ConfigurationError(
                "not an account yet: give the secret for this test by --secret-file F or -,"
                " or add it: mailweir accounts add ADDRESS"
            )
        return await sign_in_secret(account, store, clock, fresh)

    return Visit(account, known, credentials, clock, skew=lambda: notable_skew(store.engine, account.slug))


def _print(text: str, outcome: str) -> None:
    if os.environ.get("NO_COLOR"):
        click.echo(text)
        return
    colors = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "bright_black"}
    click.echo(click.style(text[:1], fg=colors[outcome]) + text[1:])
