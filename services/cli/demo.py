"""``mailweir demo``: a real IMAP server with sample mail, synced into embedded stores, and shown."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from services.cli.demo_server import DemoServer

ACCOUNT = "demo"


@click.command()
@click.option("--home", type=click.Path(path_type=Path), help="Where it lives; default: demo/ below MAILWEIR_HOME.")
@click.option("--fresh", is_flag=True, help="Forget an earlier demo first.")
def demo(home: Path | None, *, fresh: bool) -> None:
    """Start a real IMAP server with 240 sample messages, retrieve them over verified TLS, show what came of them.

    Needs nothing but Python. Run it again: nothing is new, and it says so. Nothing of yours is touched.
    """
    import os
    import shutil

    from services.cli.demo_server import running
    from services.cli.demo_show import show
    from services.cli.sync import sync_accounts

    root = home or Path(os.environ.get("MAILWEIR_HOME", Path.home() / ".mailweir")) / "demo"
    if fresh and root.exists():
        _stop_postgres(root / "home")
        shutil.rmtree(root)
    _embedded_in(root / "home")
    click.echo("Starting an IMAP server (pymap) on this machine, STARTTLS with a certificate of its own ...")
    with running(root / "server") as server:
        _ensure_account(server)
        started = time.monotonic()
        report = sync_accounts([ACCOUNT])
        show(root, report, time.monotonic() - started)
    raise SystemExit(report.exit_code)
