"""Whether an IMAP server greets over verified TLS."""

import socket
import ssl
from pathlib import Path


def greets(port: int, host: str, ca_file: Path) -> bool:
    """``* OK`` from 127.0.0.1 over TLS, certificate and name verified against ``ca_file``."""
    try:
        context = ssl.create_default_context(cafile=str(ca_file))
        with (
            socket.create_connection(("127.0.0.1", port), timeout=2) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            return secured.recv(512).startswith(b"* OK")
    except OSError:
        return False
