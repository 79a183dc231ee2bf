"""Bounds for connection tests that are started by people who are not the operator (a web console's users).

Without them such a test is a port scanner in somebody else's network. A target must be a public DNS name on an IMAP
port; every address behind the name must be public, and the connection goes to an address that was checked, with the
certificate verified on the name, so that a second look-up cannot change it. Exceptions are the operator's alone.
"""

import asyncio
import ipaddress
import re
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from services.common.accounts.fields import PORTS, ascii_host
from services.common.clock import Clock
from services.common.errors import ConfigurationError, MailweirError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
Result = Literal["ok", "could not connect", "TLS problem", "sign-in refused"]

TEST_SECONDS = 20.0
LEAST_SECONDS = 2.0
PER_USER, PER_USER_SECONDS, PARALLEL = 5, 600.0, 3
# Python's is_global is incomplete on old patch levels, and calls transition prefixes global (RFC 6890).
_NEVER: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
        "::/3", "4000::/2", "8000::/1",  # all but 2000::/3, which alone is given out (RFC 4291 section 2.4)
    )
)  # fmt: skip


class Forbidden(MailweirError):
    """The target is outside the bounds; the text is for the operator's log, the user sees "could not connect"."""

    exit_code = 5


@dataclass(frozen=True, slots=True)
class Allowed:
    """An operator's exception: a name (or a glob of names), perhaps another port, perhaps a private network."""

    name: str
    port: int | None = None
    network: Network | None = None


class TooManyTests(MailweirError):
    """The user has used up the tests of the last ten minutes, or too many run at once."""


def parse_allowed(text: str) -> tuple[Allowed, ...]:
    """``name[:port][@network]``, separated by commas: ``imap.corp.example:1993@10.2.0.0/16``.

    Raises:
        ConfigurationError: an entry has another form; it is named.

    """
    return tuple(_allowed(entry.strip()) for entry in text.split(",") if entry.strip())


def check_target(host: str, port: int, tls: str, allowed: Sequence[Allowed] = ()) -> str:
    """The host in ASCII form. Raises Forbidden for an address, a single label, or a port that is not IMAP's."""
    try:
        name = ascii_host(host)
    except ValueError as error:
        raise Forbidden("the host is not a name") from error
    mine = [entry for entry in allowed if fnmatchcase(name, entry.name)]
    if port != PORTS.get(tls) and port not in {entry.port for entry in mine}:
        raise Forbidden(f"port {port} is not the IMAP port for {tls}")
    if mine:
        return name
    if _address(name) is not None or re.fullmatch(r"[0-9.]+|0x[0-9a-f.x]+", name):
        raise Forbidden("the host is an address, not a name")
    if "." not in name or name.endswith((".local", ".localhost", ".internal", ".home.arpa")):
        raise Forbidden("the host is not a public name")
    return name


def is_exempt(host: str, allowed: Sequence[Allowed]) -> bool:
    """Whether the operator vouches for a name, wherever it leads."""
    return any(fnmatchcase(ascii_host(host), entry.name) for entry in allowed)


async def lookup(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, from the system. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(item[4][0]) for item in found]


def is_public(text: str) -> bool:
    """Whether an address is on the public Internet: global, and in none of the special-purpose blocks."""
    found = _address(text)
    return found is not None and found.is_global and not any(_in(found, network) for network in _NEVER)


async def resolve(host: str, port: int, resolver: Resolver, allowed: Sequence[Allowed] = ()) -> tuple[str, ...]:
    """Every address of the name, looked up once; connect to these. Raises Forbidden when one of them is not public."""
    found = tuple(dict.fromkeys(await resolver(host, port)))
    networks = [entry.network for entry in allowed if entry.network and fnmatchcase(host, entry.name)]
    for text in found:
        address = _address(text)
        fits = address is not None and any(_in(address, network) for network in networks)
        if not fits and not is_public(text):
            raise Forbidden(f"{host} leads to {text}, which is not a public address")
    if not found:
        raise Forbidden(f"{host} has no address")
    return found


@dataclass
class TestBudget:
    """Five tests per user in ten minutes, three at once over all; kept in memory."""

    __test__ = False
    clock: Clock
    running: int = 0
    started: dict[str, deque[float]] = field(default_factory=dict)

    @asynccontextmanager
    async def one(self, user: str) -> AsyncIterator[None]:
        """One test of a user. Raises TooManyTests."""
        now = self.clock.monotonic()
        mine = self.started.setdefault(user, deque())
        while mine and now - mine[0] >= PER_USER_SECONDS:
            mine.popleft()
        if len(mine) >= PER_USER or self.running >= PARALLEL:
            raise TooManyTests("too many connection tests: wait some minutes")
        mine.append(now)
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1


async def uniform(test: Awaitable[str], clock: Clock) -> Result:
    """What a user may learn of a test: one of four results, never sooner than after two seconds, at most 20.

    ``test`` gives the sign-in state of the login doctor (``ok``, ``tls``, ``credential``, ...).
    """
    start = clock.monotonic()
    try:
        async with asyncio.timeout(TEST_SECONDS):
            state = await test
    except (MailweirError, OSError):
        state = "network"
    await clock.sleep(max(0.0, start + LEAST_SECONDS - clock.monotonic()))
    if state in {"ok", "tls"}:
        return "ok" if state == "ok" else "TLS problem"
    refused = {"credential", "ambiguous", "consent", "configuration"}
    return "sign-in refused" if state in refused else "could not connect"


def _allowed(entry: str) -> Allowed:
    found = re.fullmatch(r"([A-Za-z0-9.*_-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?(?:@([0-9A-Fa-f:./]+))?", entry)
    if found is None:
        raise ConfigurationError(f"guard exception {entry!r}: write name[:port][@network]")
    try:
        network = ipaddress.ip_network(found[3]) if found[3] else None
    except ValueError as error:
        raise ConfigurationError(f"guard exception {entry!r}: {found[3]} is not a network") from error
    return Allowed(found[1].strip("[]").lower(), int(found[2]) if found[2] else None, network)


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _in(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network
