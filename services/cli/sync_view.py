"""How the result of a sync is shown: a line per account for people, a JSON line for programs."""

from collections.abc import Sequence

import click

from services.cli.language import language
from services.cli.terminal import ended
from services.front import plain
from services.front.retold import told
from services.poller.account import Result


def show(results: Sequence[Result], *, as_json: bool) -> None:
    """Print each result; what went wrong goes to stderr with what to do about it."""
    for result in results:
        if as_json:
            click.echo(plain.json(as_dict(result)))
        else:
            _tell(result)


def as_dict(result: Result) -> dict[str, object]:
    """A result as plain JSON."""
    folders = [
        {"folder": each.record.name, "listed": each.listed, "published": each.published}
        | {"quarantined": each.quarantined, "missing": each.missing}
        for each in result.outcomes
    ]
    told = {"account": result.account, "exit_code": result.exit_code, "failure": ended(result.failure)}
    return told | {"advice": result.advice, "folders": folders, "unread": result.unread}


def _tell(result: Result) -> None:
    if result.outcomes or not result.failure:
        click.echo(_summary(result))
    for text in told(ended(result.failure), result.advice, result.account, language()):
        click.echo(f"{result.account}: {text}", err=True)


def _summary(result: Result) -> str:
    listed = sum(outcome.listed for outcome in result.outcomes)
    missing = sum(outcome.missing for outcome in result.outcomes)
    quarantined = sum(outcome.quarantined for outcome in result.outcomes)
    read = len(result.outcomes)
    folders = f"{read} of {read + result.unread} folders read" if result.unread else f"{read} folders"
    return f"{result.account}: {folders}, {listed} messages listed, {missing} missing, {quarantined} in quarantine"
