"""What the demo shows at its end."""

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import text

from services.cli.status import table
from services.common.completeness import FolderStatus, statuses
from services.front.context import Context, open_context
from services.poller.tasks.account import Result

_NEWEST = text("SELECT from_name, from_email, subject FROM emails ORDER BY received_at DESC NULLS LAST LIMIT 6")
_ELSEWHERE = ("DATABASE_URL", "DATABASE_URL_FILE", "KAFKA", "S3_ENDPOINT", "MASTER_KEY", "MASTER_KEY_FILE")
_FILES = text("SELECT count(*), coalesce(sum(size), 0) FROM attachments")


def show(home: Path, results: Sequence[Result], before: Mapping[str, str]) -> int:
    """Print folders, attachments, a few subjects and where to look further; how many messages are missing.

    ``before``: the caller's environment.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console()
    with open_context() as context:
        accounts = [(account.slug, account.state) for account in context.accounts.list()]
        folders = [folder for status in statuses(context.engine, accounts) for folder in status.folders]
        console.print(table(tuple(folders)))
        count, octets = _attachments(context)
        console.print(f"{count} attachments, {octets / 1024:.0f} KiB. The newest messages:")
        for line in _newest(context):
            console.print(Text(f"  {line}"))
    for result in results:
        if result.failure:
            console.print(Text(result.failure))
    missing = sum(folder.missing for folder in folders)
    console.print(_verdict(folders, missing, sum(result.retrieved for result in results)))
    console.print(Text(_next_steps(home, before)), soft_wrap=True)
    return missing


def _next_steps(home: Path, before: Mapping[str, str]) -> str:
    activate = [] if shutil.which("mailweir") else [f". {shlex.quote(str(Path(sys.prefix, 'bin', 'activate')))}"]
    look = ["mailweir status", "mailweir search 合同", "mailweir ledger"]
    mine = before.get("MAILWEIR_HOME") or str(home)
    own = "unset MAILWEIR_HOME" if mine == str(home) else f"export MAILWEIR_HOME={shlex.quote(mine)}"
    elsewhere = [name for each in _ELSEWHERE if before.get(name := f"MAILWEIR_{each}")]
    lines = [
        *activate,
        *([f"unset {' '.join(elsewhere)}  # they name other stores"] if elsewhere else []),
        f"export MAILWEIR_HOME={shlex.quote(str(home))}",
        *look,
        f"{own}  # before you add a mailbox of your own",
    ]
    return "\n  ".join(["Look further:", *lines])


def _verdict(folders: Sequence[FolderStatus], missing: int, retrieved: int) -> str:
    if missing:
        return f"{missing} messages are missing; run the demo again."
    stored, listed = (sum(getattr(folder, name) for folder in folders) for name in ("stored", "listed"))
    news = f"{retrieved} of them came just now." if retrieved else "Nothing is new since the last run."
    return f"The server lists {listed} messages; stored {stored}; missing 0. {news}"


def _attachments(context: Context) -> tuple[int, int]:
    with context.engine.connect() as connection:
        count, octets = connection.execute(_FILES).one()
        return int(count), int(octets)


def _newest(context: Context) -> list[str]:
    with context.engine.connect() as connection:
        return [f"{row.from_name or row.from_email}: {row.subject}" for row in connection.execute(_NEWEST)]
