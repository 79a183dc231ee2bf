"""``python -m services.cli.helper``: the second process of a long embedded sync; its standard input is a socket."""

import asyncio
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

COMMAND: Sequence[str] = (sys.executable, "-m", "services.cli.helper")


def main() -> None:
    """Publish what comes until the process that started this one closes the socket or ends."""
    from services.cli.context import open_context
    from services.cli.embedded import publisher
    from services.common.errors import MailweirError
    from services.common.runtime.helper import help_with

    # a helper that cannot start is done without; whatever is wrong, the command itself says it
    with suppress(MailweirError), open_context() as context, socket.socket(fileno=0) as connection:
        asyncio.run(help_with(connection, publisher(context)))


if __name__ == "__main__":
    main()
