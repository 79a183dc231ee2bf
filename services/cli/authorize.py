"""``mailweir accounts authorize``: the owner grants access in a browser, or on another device."""

import asyncio
from typing import TYPE_CHECKING

import click

from services.cli.options import account_argument

if TYPE_CHECKING:
    from services.common.accounts.store import Account
    from services.common.oauth.answers import Client, Granted
    from services.common.secret import Secret


@click.command()
@account_argument
@click.option("--device", is_flag=True, help="Device code: grant access on another device, where there is no browser.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    default=0,
    help="Port of the call-back on this machine; default: a free one.",
)
@click.option("--any-address", is_flag=True, help="The grant may come from another address (a shared mailbox).")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    default=600,
    show_default=True,
    help="Seconds to wait for the answer; a device code has a time of its own.",
)
def authorize(name: str, *, device: bool, no_browser: bool, port: int, timeout: float, any_address: bool) -> None:
    """Grant access to the mailbox by OAuth2. The tokens are stored encrypted."""
    from services.cli.account_audit import noted
    from services.cli.account_store import opened
    from services.common.clock import SystemClock
    from services.common.oauth.answers import client_of
    from services.common.oauth.flow import keep

    with opened() as store:
        account = store.get(name)
        client, secret = client_of(account), store.get_secret(account.slug, "client_secret")
        flow = _on_device(client, secret) if device else _in_browser(account, client, secret, port, timeout, no_browser)
        granted = asyncio.run(flow)
        keep(store, account, client, granted, SystemClock().now(), any_address=any_address)
        noted(store, account.slug, "account-authorize", "on another device" if device else "in a browser")
    click.echo(f"access to {account.slug} is granted and stored, encrypted; next: mailweir check {account.slug}")


async def _in_browser(
    account: "Account", client: "Client", secret: "Secret | None", port: int, timeout: float, no_browser: bool
) -> "Granted":
    import secrets
    import webbrowser

    from services.cli.loopback import listening
    from services.common.accounts.providers import profile
    from services.common.clock import SystemClock
    from services.common.errors import ConfigurationError
    from services.common.oauth.flow import AuthorizationFailed, Pendings, check_granted, code_of, exchange, start

    preset, clock, session = profile(account.provider).oauth, SystemClock(), secrets.token_hex(16)
    pendings = Pendings()
    try:
        async with listening(preset.redirect_host if preset else "127.0.0.1", port) as callback:
            url, pending = start(account, client, callback.redirect_uri, session=session, now=clock.now())
            pendings.add(pending)
            click.echo(f"Open this address in a browser on this machine and grant access:\n\n  {url}\n")
            if not no_browser:
                await asyncio.to_thread(webbrowser.open, url)
            found = await asyncio.wait_for(callback.parameters, timeout)
    except TimeoutError:
        raise AuthorizationFailed(f"no answer came within {timeout:g} seconds: start again") from None
    except OSError as error:
        raise ConfigurationError(f"--port {port}: cannot listen there ({error.strerror})") from error
    if "state" not in found:
        check_granted(found)
    taken = pendings.take(found["state"], session, clock.now())
    return await exchange(taken, client, code_of(taken, client, found), secret)


async def _on_device(client: "Client", secret: "Secret | None") -> "Granted":
    from services.common.clock import SystemClock
    from services.common.oauth.flow import await_device, start_device

    device = await start_device(client, secret)
    click.echo(f"On any device open {device.verification_uri} and enter the code: {device.user_code}")
    if device.complete_uri:
        click.echo(f"or open {device.complete_uri}")
    return await await_device(client, device, secret, SystemClock())
