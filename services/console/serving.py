"""The HTTP server: a socket of our own, so that a used port is one clear line, and an end within seconds."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI

from services.common.errors import ConfigurationError
from services.console.erasing import erasing
from services.console.settings import ConsoleSettings

_GRACE = 3


class _Server(uvicorn.Server):
    """Signals are the process's own business (services.common.runtime.process)."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the handlers as they are."""
        yield


async def serve(
    app: FastAPI, settings: ConsoleSettings, stop: asyncio.Event, ready: Callable[[str], None] = lambda _: None
) -> None:
    """Serve until ``stop`` is set; ``ready`` gets the address once the port is open.

    Raises:
        ConfigurationError: the port is taken, or the certificate cannot be used.

    """
    _check_certificate(settings)
    listening = _listen(settings)
    with erasing(app.state.ports):
        server = _Server(_config(app, settings))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        ready(address(settings, listening.getsockname()[1]))
        try:
            await asyncio.wait({serving, asyncio.ensure_future(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.should_exit = True
            await serving


def address(settings: ConsoleSettings, port: int) -> str:
    """The URL of the console as its own machine reaches it."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls_certificate else 'http'}://{host}:{port}"


def _check_certificate(settings: ConsoleSettings) -> None:
    """The server would only say what failed, not in which file; and ask on the terminal for the password of a key."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return
    try:
        for path in (settings.tls_certificate, settings.tls_key):
            path.read_bytes()
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.tls_certificate, settings.tls_key, password=_no_password
        )
    except (ssl.SSLError, ValueError) as error:
        both = f"{settings.tls_certificate} and {settings.tls_key}"
        reason = getattr(error, "reason", None) or str(error)
        advice = "they must be a PEM chain and its key without a password"
        raise ConfigurationError(f"MAILWEIR_CONSOLE_TLS_CERTIFICATE and _KEY: {both}: {reason}; {advice}") from error
    except OSError as error:
        name = "KEY" if error.filename == str(settings.tls_key) else "CERTIFICATE"
        raise ConfigurationError(f"MAILWEIR_CONSOLE_TLS_{name}: {error.filename}: {error.strerror}") from error


def _no_password() -> str:
    raise ValueError("the key has a password")


def _listen(settings: ConsoleSettings) -> socket.socket:
    family, where = _where(settings)
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(where)
        listening.listen()  # who is told the address now may connect; the server answers when it has started
    except OSError as error:
        listening.close()
        variable = "HOST" if error.errno == errno.EADDRNOTAVAIL else "PORT"
        raise _cannot_listen(settings, error, variable) from error
    return listening


def _where(settings: ConsoleSettings) -> tuple[socket.AddressFamily, Any]:
    """Family and address of the host; of a name with both kinds of address the IPv4 one, as it always was."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _cannot_listen(settings, error, "HOST") from error
    family, _, _, _, where = min(found, key=lambda each: each[0] != socket.AF_INET)
    return family, where


def _cannot_listen(settings: ConsoleSettings, error: OSError, variable: str) -> ConfigurationError:
    return ConfigurationError(
        f"the console cannot listen on {settings.host}:{settings.port}: {error.strerror}; "
        f"choose another with MAILWEIR_CONSOLE_{variable}"
    )


def _config(app: FastAPI, settings: ConsoleSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips=settings.proxies,
        timeout_graceful_shutdown=_GRACE,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
