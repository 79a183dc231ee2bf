"""``mailweir run``: one service in the foreground, the same as ``python -m services.<name>``."""

from importlib import import_module

import click

SERVICES = ("poller", "parser", "storer", "attachments", "console")


@click.command()
@click.argument("service", type=click.Choice(SERVICES))
def run(service: str) -> None:
    """Run one SERVICE in the foreground until it is told to stop; settings come from the environment."""
    import_module(f"services.{service}.__main__").main()
