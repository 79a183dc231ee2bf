"""From a host name to a greeted, verified connection."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.common import guard
from services.poller.imap import tls
from services.poller.imap.classify import going_away, throttle
from services.poller.imap.errors import (
    NetworkError,
    OperationTimeout,
    ProtocolViolation,
    TlsSecurity,
)
from services.poller.imap.model import Endpoint, Facts, Limits
from services.poller.imap.protocol import Connection
from services.poller.imap.responses import Status

_EYEBALLS = 0.25


async def connect(endpoint: Endpoint, limits: Limits, known: frozenset[str] | None = None) -> tuple[Connection, Facts]:
    """TCP, TLS (implicit or STARTTLS), greeting, CAPABILITY (unless ``known``) within ``connect_timeout``.

    Raises ImapError.
    """
    connection = Connection(limits, secure=endpoint.tls == "implicit")
    try:
        async with asyncio.timeout(limits.connect_timeout):
            return connection, await _establish(connection, endpoint, known)
    except TimeoutError as error:
        message = f"{endpoint.host}:{endpoint.port} did not answer within {limits.connect_timeout:g} seconds"
        mute = endpoint.tls == "starttls" and connection.transport is not None and connection.greeting is None
        connection.drop()
        raise OperationTimeout(message, about="port" if mute else "") from error
    except BaseException:
        connection.drop()
        raise


async def _establish(connection: Connection, endpoint: Endpoint, known: frozenset[str] | None) -> Facts:
    context = tls.context(endpoint.ca_file, legacy=endpoint.legacy_tls)
    await _reach(connection, endpoint, context if endpoint.tls == "implicit" else None)
    await _greeted(connection, endpoint)
    greeting = connection.greeting.text if connection.greeting is not None and endpoint.tls == "implicit" else ""
    if endpoint.tls == "starttls":
        await _starttls(connection, endpoint, context)
    await capability(connection, frozenset(connection.capabilities) if known is None and _told(connection) else known)
    return replace(_seen(connection), greeting=greeting, capabilities_before=frozenset(connection.capabilities))


def _told(connection: Connection) -> bool:
    """Whether the greeting told what is to be known before the sign-in; that in clear was forgotten."""
    told = connection.capabilities
    return any(name.startswith("AUTH=") for name in told) and "LOGINDISABLED" not in told


async def _reach(connection: Connection, endpoint: Endpoint, context: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    name = endpoint.host if context is not None else None
    problem: OSError | None = None
    targets = await _targets(endpoint)
    patience = min(connection.limits.connect_timeout, connection.limits.command_timeout)
    for target in targets:
        try:
            async with asyncio.timeout(connection.limits.connect_timeout / len(targets)):
                await loop.create_connection(
                    lambda: connection,
                    target,
                    endpoint.port,
                    ssl=context,
                    server_hostname=name,
                    ssl_handshake_timeout=patience if context is not None else None,
                    happy_eyeballs_delay=_EYEBALLS,
                )
        except (ssl.SSLError, ConnectionResetError, ConnectionAbortedError) as error:
            raise tls.failure(error, endpoint.host, legacy=endpoint.legacy_tls) from error
        except OSError as error:
            problem = error
        else:
            return
    raise NetworkError(_unreachable(problem, endpoint)) from problem


async def _targets(endpoint: Endpoint) -> Sequence[str]:
    """What to connect to: a name that is looked up here is not looked up again. Raises NetworkError."""
    if endpoint.addresses or not endpoint.public_only:
        return endpoint.addresses or (endpoint.host,)
    try:
        return await guard.resolve(endpoint.host, endpoint.port, guard.lookup)
    except guard.Forbidden as error:  # whose text names the address
        reason = f"{endpoint.host} leads to an address that is not public, which its setting public_only forbids"
        raise NetworkError(reason) from error
    except OSError as error:
        raise NetworkError(_unreachable(error, endpoint)) from error


def _unreachable(problem: OSError | None, endpoint: Endpoint) -> str:
    if isinstance(problem, socket.gaierror):
        return f"the name {endpoint.host} cannot be resolved"
    if f"[Errno {errno.ECONNREFUSED}]" in str(problem):  # asyncio joins the failures of several addresses into a text
        return f"{endpoint.host}:{endpoint.port} refused the connection"
    return f"{endpoint.host}:{endpoint.port} cannot be reached ({type(problem).__name__})"


async def _starttls(connection: Connection, endpoint: Endpoint, context: ssl.SSLContext) -> None:
    answer = await command(connection, "STARTTLS")
    if answer.kind != "OK":
        raise TlsSecurity("the server refused STARTTLS; use implicit TLS (port 993)", about="port")
    if connection.failure is not None:
        raise connection.failure
    try:
        upgraded = await asyncio.get_running_loop().start_tls(
            connection.transport,
            connection,
            context,
            server_hostname=endpoint.host,
            ssl_handshake_timeout=connection.limits.command_timeout,
        )
    except OSError as error:
        known = connection.failure if isinstance(connection.failure, TlsSecurity) else None
        raise known or tls.failure(error, endpoint.host, legacy=endpoint.legacy_tls) from error
    if upgraded is None:
        raise NetworkError(f"{endpoint.host} closed the connection during the TLS handshake")
    connection.secured(upgraded)


async def _greeted(connection: Connection, endpoint: Endpoint) -> None:
    try:
        greeting = await connection.greeted()
    except OperationTimeout as error:  # a port for implicit TLS waits for the client to begin
        raise OperationTimeout(str(error), about="port" if endpoint.tls == "starttls" else "") from error
    if greeting.kind == "PREAUTH":
        reason = f"{endpoint.host} greets with PREAUTH, which is not a sign-in and forbids STARTTLS"
        raise TlsSecurity(reason) if endpoint.tls == "starttls" else ProtocolViolation(reason)
    if greeting.kind == "BYE":
        raise going_away(greeting)
    if greeting.kind != "OK":
        raise ProtocolViolation(f"{endpoint.host} did not greet as an IMAP server", about="port")


async def command(connection: Connection, name: str) -> Status:
    """Run a command without arguments; its tagged answer."""
    exchange = await connection.begin(name, (), frozenset())
    while await connection.frames(exchange):
        pass
    return connection.finish(exchange)


async def capability(connection: Connection, known: frozenset[str] | None = None) -> None:
    """Ask for capabilities that are not ``known``; a refusal leaves those of before. Raises Throttled if it says so."""
    if known is not None:
        connection.capabilities = set(known)
        return
    answer = await command(connection, "CAPABILITY")
    limited = throttle(answer) if answer.kind != "OK" else None
    if limited is not None:
        raise limited


def _seen(connection: Connection) -> Facts:
    peer = connection.transport.get_extra_info("peername")
    cipher = connection.transport.get_extra_info("cipher") or ("", "", 0)
    certificate = connection.transport.get_extra_info("peercert") or {}
    names = tuple(value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS")
    return Facts(
        address=str(peer[0]) if peer else "",
        tls_version=str(cipher[1]),
        tls_cipher=str(cipher[0]),
        certificate_names=names[:20],
        certificate_issuer=_issuer(certificate),
        certificate_ends=ssl.cert_time_to_seconds(certificate["notAfter"]) if "notAfter" in certificate else None,
    )


def _issuer(certificate: Mapping[str, Any]) -> str:
    parts = dict(pair for group in certificate.get("issuer", ()) for pair in group)
    return str(parts.get("organizationName") or parts.get("commonName") or "")[:100]
