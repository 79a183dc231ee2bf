"""Options that several commands share."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import click

from services.cli import offered

Decorate = Callable[[Callable[..., object]], Callable[..., object]]

_SETTING = "A setting, such as poll_interval=5m; an empty value resets it. `accounts show` lists all."
_AUTH = "How to sign in; auto: by a token where the account has a grant, else by password or code."
_FOLDER = "Only such folders; may repeat. =NAME is a name as it is, \\Sent a special use."
_AUTHS = ("auto", "password", "xoauth2", "oauthbearer")
_TLS = offered.words("implicit", "starttls")
_DAYS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")


def together(*parts: Decorate) -> Decorate:
    """Several options and arguments as one decorator; help shows them in this order."""

    def decorate(command: Callable[..., object]) -> Callable[..., object]:
        for part in reversed(parts):
            command = part(command)
        return command

    return decorate


def _day(typed: str) -> datetime:
    for form in _DAYS:
        with suppress(ValueError):
            return datetime.strptime(typed, form).replace(tzinfo=UTC)
    raise click.BadParameter(f"{typed!r} is no day such as 2026-11-22, nor a moment such as 2026-11-22T18:30:00")


account_argument = click.argument("name", shell_complete=offered.accounts)
"""One account by name; commands take the address, too."""

server_options = together(
    click.option("--host", help="Server name; found from the address where the provider is known."),
    click.option("--port", type=int, help="993, or 143 with STARTTLS."),
    click.option(
        "--tls", metavar="implicit|starttls", shell_complete=_TLS, help="There is no way to read mail without TLS."
    ),
    click.option("--user", help="Login name, mostly the whole address."),
    click.option("--auth", metavar="|".join(_AUTHS), shell_complete=offered.words(*_AUTHS), help=_AUTH),
    click.option(
        "--ca-file", metavar="F", shell_complete=offered.files, help="Certificate authority of a private server (PEM)."
    ),
    click.option("--folder", "folders", metavar="GLOB", multiple=True, shell_complete=offered.folders, help=_FOLDER),
    click.option("--set", "pairs", metavar="KEY=VALUE", multiple=True, shell_complete=offered.settings, help=_SETTING),
)
"""Where an account is and how it is read; ``services.front.account_input.Typed`` takes them."""

mail_options = together(
    click.option("--account", metavar="NAME", shell_complete=offered.accounts, help="Only mail of this account."),
    click.option(
        "--folder", metavar="NAME", shell_complete=offered.folders, help="Only mail in this folder (decoded name)."
    ),
    click.option("--since", metavar="DAY", type=_day, help="Received on or after it, UTC: 2026-11-22."),
    click.option("--before", metavar="DAY", type=_day, help="Received before it, UTC."),
)
"""Which mail is meant; ``services.cli.choice`` makes a ``Choice`` of them."""

secret_options = together(
    click.option(
        "--secret-file", metavar="F", shell_complete=offered.files, help="File with the secret; - reads standard input."
    ),
    click.argument("dash", required=False, metavar="[-]"),
)
"""Where a secret comes from, as parameters ``secret_file`` and ``dash`` of ``services.cli.secret_input.source_of``."""
