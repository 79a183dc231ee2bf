"""How the result of a sync is shown: a line per account for people, a JSON line for programs."""

from collections.abc import Sequence
from contextlib import suppress

import click
from sqlalchemy import Engine

from services.cli.language import language
from services.cli.terminal import ended
from services.common.completeness import AccountStatus, statuses
from services.common.errors import MailweirError
from services.front import plain
from services.front.retold import told
from services.poller.tasks.account import Result


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


def tell_left(engine: Engine, accounts: Sequence[str]) -> None:
    """Tell on stderr what of each account is safe when its sync was ended early, and what the next one fetches."""
    with suppress(MailweirError):
        for status in statuses(engine, [(name, "") for name in accounts]) if accounts else ():
            click.echo(f"{status.account}: {_left(status)}", err=True)


def _left(status: AccountStatus) -> str:
    stored = sum(folder.stored for folder in status.folders)
    left = sum(folder.pending + folder.missing for folder in status.folders)
    unread = sum(folder.last_pass is None and not folder.listed for folder in status.folders)
    if language() == "zh":
        return f"已保存 {stored} 封邮件，剩余 {left} 封" + (f"；尚未读取的文件夹：{unread} 个" if unread else "")
    return f"{stored} messages are stored and safe, {left} are left" + (
        f"; folders not read yet: {unread}" if unread else ""
    )


def _summary(result: Result) -> str:
    listed = sum(outcome.listed for outcome in result.outcomes)
    missing = sum(outcome.missing for outcome in result.outcomes)
    quarantined = sum(outcome.quarantined for outcome in result.outcomes)
    read = len(result.outcomes)
    folders = f"{read} of {read + result.unread} folders read" if result.unread else f"{read} folders"
    return f"{result.account}: {folders}, {listed} messages listed, {missing} missing, {quarantined} in quarantine"
