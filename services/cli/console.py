"""``mailweir console``: the web console for the person at this machine."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from services.console.settings import ConsoleSettings
    from services.front.context import Context

LOCAL_USER = "owner"


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Port on this machine, 8025 unless MAILWEIR_CONSOLE_PORT says otherwise; 0: a free one.",
)
@click.option("--no-sync", is_flag=True, help="Only show and configure; retrieve no mail.")
def console(port: int | None, *, no_sync: bool) -> None:
    """Open the web console until stopped, with a link that signs you in once.

    Embedded it also retrieves the mail of all active accounts, as `mailweir sync --watch` does. With the environment
    of the stack it shows the stack, whose poller retrieves.
    """
    from services.common.settings import read
    from services.console.settings import ConsoleSettings
    from services.front.context import open_context
    from services.front.publishing import check_settings

    check_settings(ConsoleSettings)
    settings = read(ConsoleSettings)
    if port is not None:
        settings = settings.model_copy(update={"port": port})
    with open_context() as context:
        asyncio.run(_serve(context, settings, syncs=context.embedded and not no_sync))


async def _serve(context: "Context", settings: "ConsoleSettings", *, syncs: bool) -> None:
    from services.console.app import create, ports_on
    from services.console.serving import serve

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    ports = ports_on(context.engine, context.settings, settings)
    await asyncio.to_thread(ports.accounts.check_start)
    link = await asyncio.to_thread(_link, context)
    async with _retrieving(context, stop) if syncs else _nothing():
        await serve(create(ports, settings), settings, stop, lambda address: _tell(address, link, syncs=syncs))


def _link(context: "Context") -> str:
    """A one-time link for the person who may read MAILWEIR_HOME anyway: an administrator without a password."""
    from services.common.clock import SystemClock
    from services.console import handlers, users

    user = users.find(context.engine, LOCAL_USER) or users.add(context.engine, LOCAL_USER, None, "admin")
    return handlers.one_time_link(context.engine, user, SystemClock().now())


def _tell(address: str, link: str, *, syncs: bool) -> None:
    click.echo(f"console: {address}{link}")
    click.echo("the link signs you in once, within 10 minutes; Ctrl-C stops the console", err=True)
    if syncs:
        click.echo("mail of all active accounts is retrieved meanwhile", err=True)


@asynccontextmanager
async def _retrieving(context: "Context", stop: asyncio.Event) -> AsyncIterator[None]:
    """The supervisor of the poller beside the console; when it fails, the console ends, too, and says why."""
    from services.cli.sync_run import poller_ports
    from services.front.publishing import publishing
    from services.poller.tasks.supervisor import supervising

    async with publishing(context) as publisher, supervising(poller_ports(context, publisher)) as task:
        task.add_done_callback(lambda _: stop.set())
        yield


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield
