"""``mailweir demo``: a real IMAP server with sample mail, synced into embedded stores, and shown."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from services.cli.demo_server import DemoServer

ACCOUNT = "demo"
STORES, SERVER = "home", "server"


@click.command()
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where it lives; default: demo/ below MAILWEIR_HOME.",
)
@click.option("--fresh", is_flag=True, help="Forget an earlier demo first.")
def demo(home: Path | None, *, fresh: bool) -> None:
    """Start a real IMAP server with 240 sample messages, retrieve them over verified TLS, show what came of them.

    Needs nothing but Python. Run it again: nothing is new, and it says so. Nothing of yours is touched.
    """
    from services.cli.demo_server import running
    from services.cli.demo_show import show
    from services.cli.sync import sync_accounts, worst

    before, root = dict(os.environ), home or _usual()
    if fresh:
        _forget(root)
    _embedded_in(root / STORES)
    click.echo("Starting an IMAP server (pymap) on this machine, STARTTLS with a certificate of its own ...")
    with running(root / SERVER) as server:
        _point_at(server)
        results = sync_accounts([ACCOUNT])
    missing = show(root / STORES, results, before)
    raise SystemExit(worst(results) or (3 if missing else 0))


def _usual() -> Path:
    """Below MAILWEIR_HOME, which in a shell that looks at the demo is in it."""
    from services.cli.demo_server import is_whole

    home = Path(os.environ.get("MAILWEIR_HOME") or "~/.mailweir").expanduser()
    return home.parent if home.name == STORES and is_whole(home.parent / SERVER) else home / "demo"


def _forget(root: Path) -> None:
    """Remove an earlier demo, and nothing that lies beside it.

    Raises:
        ConfigurationError: what is there may be somebody's own.
    """
    import shutil

    from services.cli.demo_server import is_whole
    from services.common.errors import ConfigurationError
    from services.common.postgres import embedded_postgres

    if not root.exists() or not any(root.iterdir()):
        return
    if not is_whole(root / SERVER):
        raise ConfigurationError(f"{root} holds no whole demo, so nothing was removed; run it without --fresh")
    if own := _added(root / STORES):
        raise ConfigurationError(
            f"accounts that you added are in this demo ({', '.join(own)}), so nothing was removed; if they may go:"
            f" MAILWEIR_HOME={root / STORES} mailweir accounts remove NAME --erase"
        )
    embedded_postgres.stop(root / STORES)
    for folder in (STORES, SERVER):
        shutil.rmtree(root / folder, ignore_errors=True)


def _added(home: Path) -> list[str]:
    from services.common.accounts import names

    with suppress(OSError, UnicodeError):
        return [name for name in names.remembered(home) if name != ACCOUNT]
    return []


def _embedded_in(home: Path) -> None:
    """Stores of its own, whatever the environment says: the demo touches nothing else."""
    for name in [name for name in os.environ if name.startswith("MAILWEIR_")]:
        del os.environ[name]
    os.environ["MAILWEIR_HOME"] = str(home)


def _point_at(server: "DemoServer") -> None:
    """An account for the server; its port is another one on each run."""
    import msgspec

    from services.common.accounts.store import Account
    from services.common.secret import Secret
    from services.front.context import open_context

    account = Account(
        slug=ACCOUNT, host=server.host, port=server.port, tls="starttls", user=server.user, ca_file=str(server.ca_file)
    )
    with open_context() as context:
        known = context.accounts.find(ACCOUNT)
        if known is None:
            secret = Secret(server.password_file.read_text(encoding="utf-8"))
            context.accounts.add(account, ("password", secret))
        else:
            context.accounts.update(msgspec.structs.replace(known, port=server.port))
