"""How a session begins and ends: connection, sign-in, ID, ENABLE, logout. What is read between: ``session``."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Self

from services.poller.imap import folders
from services.poller.imap.connect import connect
from services.poller.imap.errors import ImapError
from services.poller.imap.foresight import SIGN, Foresight
from services.poller.imap.introduce import enable, identify
from services.poller.imap.model import Credentials, Endpoint, Facts, Identified, Limits
from services.poller.imap.protocol import Connection
from services.poller.imap.signin import sign_in

_FAREWELL = 2.0


class Lifecycle:
    """The first and the last steps of a ``Session``, which is what callers open."""

    def __init__(
        self, connection: Connection, endpoint: Endpoint, facts: Facts, known: frozenset[str] | None = None
    ) -> None:
        self._connection = connection
        self._endpoint = endpoint
        self._facts = facts
        self._known = known
        self._enabled: frozenset[str] = frozenset()
        self.foresight: Foresight | None = None  # what follows the sign-in; None: nothing is ever sent ahead

    @classmethod
    async def open(cls, endpoint: Endpoint, limits: Limits | None = None, known: Facts | None = None) -> Self:
        """Connect (happy eyeballs), TLS or STARTTLS, greeting, CAPABILITY.

        ``known``: facts of an earlier connection, to save both CAPABILITY commands where each one counts; they are
        asked for all the same after STARTTLS.

        Raises NetworkError, TlsSecurity, TlsCompatibility, Throttled or Temporary (greeting BYE).
        """
        known = known if endpoint.tls == "implicit" else None
        connection, facts = await connect(endpoint, limits or Limits(), known.capabilities_before if known else None)
        return cls(connection, endpoint, facts, known.capabilities_after if known else None)

    @property
    def facts(self) -> Facts:
        """What was seen so far."""
        return self._facts

    @property
    def capabilities(self) -> frozenset[str]:
        """As advertised last, upper case; asked again after TLS and after sign-in."""
        return frozenset(self._connection.capabilities)

    def has(self, capability: str) -> bool:
        """Whether ``capability`` is advertised (upper case, for example "CONDSTORE", "AUTH=PLAIN")."""
        return capability in self._connection.capabilities

    @property
    def alive(self) -> bool:
        """Whether the connection may still be used."""
        return self._connection.failure is None

    @property
    def hurries(self) -> bool:
        """Whether commands are sent ahead, to a server that is new enough."""
        return self.foresight is not None and self.has(SIGN) and self.alive

    @property
    def overtaken(self) -> bool:
        """Whether the connection failed, and not for want of pace, with commands unanswered that were sent ahead."""
        return self._connection.overtaken

    @property
    def received(self) -> int:
        """Bytes received so far (after TLS), for byte budgets."""
        return self._connection.received

    def take_alerts(self) -> tuple[str, ...]:
        """What the server wants a person to see (ALERT), cleaned, since the last call."""
        return self._connection.events.take_alerts()

    async def sign_in(self, credentials: Credentials) -> None:
        """Sign in with the first fitting mechanism, then ask for capabilities again.

        Raises CredentialRefused, TokenRefused, AmbiguousRefusal, SignInImpossible, Temporary, Throttled.
        """
        mechanism = await sign_in(self._connection, credentials, self._endpoint, self._known, self.foresight)
        self._facts = replace(self._facts, mechanism=mechanism, capabilities_after=self.capabilities)

    async def identify(self, fields: Mapping[str, str], *, wanted: bool = False) -> Identified:
        """ID (RFC 2971) when advertised, else nothing. NO, BAD and NIL are tolerated.

        ``wanted``: the server asks for it, so that it counts when it was advertised before the sign-in only.
        Raises ServerBye or ConnectionLost when the server closes because of it: remember "no ID" for the host.
        """
        if self.has("ID") or (wanted and "ID" in self._facts.capabilities_before):
            return await identify(self._connection, fields)
        return Identified(sent=False)

    async def enable(self, *names: str) -> frozenset[str]:
        """ENABLE of those names that are advertised ("QRESYNC", "CONDSTORE"); the names that are on now.

        Not while a folder is open (RFC 5161 section 3.1): then nothing is sent.
        """
        wanted = [name for name in names if self.has(name) and self.has("ENABLE") and name not in self._enabled]
        if wanted and self._connection.state == "AUTH":
            self._enabled |= await enable(self._connection, wanted)
        return self._enabled

    async def logout(self) -> None:
        """LOGOUT within 2 s, then close and wait until the socket is gone; never raises."""
        if self.alive:
            with contextlib.suppress(ImapError, TimeoutError, AssertionError):
                async with asyncio.timeout(_FAREWELL):
                    await folders.run(self._connection, "LOGOUT", [], frozenset())
        self.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await self._connection.closed.wait()

    def close(self) -> None:
        """Close at once; a running method raises ConnectionLost."""
        self._connection.drop()
