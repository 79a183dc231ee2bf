"""``mailweir sync``: everything that is missing, once or for ever."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from services.cli import offered

if TYPE_CHECKING:
    from services.front.context import Context
    from services.poller.tasks.account import Result


def _positive(_context: click.Context, _option: click.Parameter, seconds: float | None) -> float | None:
    if seconds is not None and not 0 < seconds < float("inf"):
        raise click.BadParameter(f"{seconds:g} is no number of seconds above 0")
    return seconds


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=offered.accounts)
@click.option("--watch", is_flag=True, help="Go on: new mail as it comes, until Ctrl-C.")
@click.option(
    "--timeout",
    type=float,
    callback=_positive,
    metavar="S",
    help="Stop after S seconds; what is missing then stays listed.",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON line per account; with --watch one per arrival or change."
)
def sync(names: tuple[str, ...], timeout: float | None, *, watch: bool, as_json: bool) -> None:
    """Retrieve mail of the accounts NAME... (default: all that are not paused), read-only.

    Ends when nothing is missing (exit 0), or when tries or --timeout are used up (exit 3, with the reason). Run it as
    often as you like: only what is missing is fetched. Ctrl-C is safe at any moment: what came is stored, and the next
    sync goes on from there.
    """
    from services.cli.sync_run import run_once, run_watch
    from services.cli.sync_view import show, tell_left
    from services.front.context import open_context
    from services.front.publishing import check_settings

    check_settings()
    with open_context() as context:
        chosen = _chosen(context, names)
        if watch:
            click.echo(f"watching {', '.join(chosen)}; Ctrl-C stops", err=True)
            run_watch(context, chosen, timeout, as_json=as_json)
            return
        try:
            results = run_once(context, chosen, timeout)
        except KeyboardInterrupt:
            tell_left(context.engine, chosen)
            raise
        show(results, as_json=as_json)
        tell_left(context.engine, [each.account for each in results if each.timed_out])
    raise SystemExit(worst(results))


def sync_accounts(names: Sequence[str]) -> "list[Result]":
    """The same as a function, for the demo: embedded, with a progress bar."""
    from services.cli.sync_run import run_once
    from services.front.context import open_context

    with open_context() as context:
        return run_once(context, list(names), None)


def worst(results: "Sequence[Result]") -> int:
    """The exit code of several accounts: sign-in and connection failures before incompleteness."""
    codes = {result.exit_code for result in results}
    return next((code for code in (1, 2, 4, 5, 3) if code in codes), 0)


def _chosen(context: "Context", names: Sequence[str]) -> list[str]:
    from services.common.errors import ConfigurationError

    if names:
        return list(dict.fromkeys(context.accounts.get(name).slug for name in names))
    known = context.accounts.list()
    active = [account.slug for account in known if account.state == "active"]
    if not known:
        raise ConfigurationError("there is no account yet; add one: mailweir accounts add ADDRESS")
    if not active:
        raise ConfigurationError("every account is paused; go on with one: mailweir accounts resume NAME")
    return active
