"""The HTTP server: a socket of our own, so that a used port is one clear line, and an end within seconds."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

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


def _listen(settings: ConsoleSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"the console cannot listen on {settings.host}:{settings.port}: {error.strerror}; "
            "choose another with MAILWEIR_CONSOLE_PORT"
        ) from error
    return listening


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
