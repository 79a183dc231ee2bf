"""``mailweir status``: completeness per folder, last errors, sign-in state."""

from typing import TYPE_CHECKING

import click

from services.cli import offered

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from services.common.completeness import AccountStatus, FolderStatus

TABLE_WIDTH = 80
NUMBERS = ("listed", "stored", "pending", "quarantined", "vanished", "missing")


@click.command()
@click.argument("name", required=False, shell_complete=offered.accounts)
@click.option("--json", "as_json", is_flag=True, help="A JSON list of accounts for programs.")
def status(name: str | None, *, as_json: bool) -> None:
    """Show what the server lists and what is stored, per folder, for all accounts or one NAME.

    `missing` is listed - published - stored - quarantined - vanished: zero, or the sync is not complete.
    """
    from services.common.completeness import statuses
    from services.front.context import open_context

    with open_context() as context:
        only = context.accounts.get(name).slug if name else None
        accounts = [(account.slug, account.state) for account in context.accounts.list()]
        found = statuses(context.engine, accounts, only)
    if as_json:
        from services.front import plain

        click.echo(plain.json(found))
    else:
        _show(found)


def _show(found: "list[AccountStatus]") -> None:
    from services.cli.language import language
    from services.cli.terminal import tables
    from services.front.plain import line, named
    from services.front.retold import said, told

    console, lang = tables(), language()
    if not found:
        console.print("There is no account yet; add one: mailweir accounts add ADDRESS")
    for account in found:
        console.print(
            f"[bold]{account.account}[/bold] {account.state}, sign-in {account.signin.state}", highlight=False
        )
        for text in told(account.signin.detail, account.signin.advice, account.account, lang):
            console.print(f"  {text}", markup=False, highlight=False)
        if account.folders:
            console.print(f"  {looked(account.folders)}", highlight=False)
            show_folders(console, account.folders)
        for folder in account.folders:
            if folder.last_error:
                console.print(
                    f"  {named(folder.folder)}: {said(line(folder.last_error), lang)}", markup=False, highlight=False
                )


def looked(folders: "tuple[FolderStatus, ...]") -> str:
    """When somebody last looked at any folder; of those that nobody has read yet the figures say nothing."""
    times = [folder.last_pass for folder in folders if folder.last_pass is not None]
    when = f"last look {max(times):%Y-%m-%d %H:%M} UTC" if times else "no look yet"
    unread = len(folders) - len(times)
    return f"{when}, {unread} of {len(folders)} folders not read yet" if unread else when


def show_folders(console: "Console", folders: "tuple[FolderStatus, ...]") -> None:
    """A table, or two lines for each folder where a terminal is narrower than the headings."""
    from rich.padding import Padding
    from rich.text import Text

    from services.front.plain import named

    if console.width >= TABLE_WIDTH:
        console.print(table(folders))
        return
    for folder in folders:
        numbers = ", ".join(f"{name} {getattr(folder, name)}" for name in NUMBERS)
        console.print(Padding(Text(named(folder.folder)), (0, 0, 0, 2), expand=False))
        console.print(Padding(Text(numbers), (0, 0, 0, 4), expand=False))


def table(folders: "tuple[FolderStatus, ...]") -> "Table":
    """The folders of an account as a table, with a sum; 80 columns hold every heading."""
    from rich.table import Table
    from rich.text import Text

    from services.front.plain import named

    shown = Table("folder")
    for name in NUMBERS:
        shown.add_column(name, justify="right", no_wrap=True)
    for folder in folders:
        shown.add_row(Text(named(folder.folder)), *(str(getattr(folder, name)) for name in NUMBERS))
    shown.add_section()
    shown.add_row("all", *(str(sum(getattr(folder, name) for folder in folders)) for name in NUMBERS))
    return shown
