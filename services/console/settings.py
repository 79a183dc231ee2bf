"""Settings of the console. Prefix ``MAILWEIR_CONSOLE_``."""

import contextlib
import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from services.common.accounts.fields import ascii_host
from services.common.errors import ConfigurationError
from services.common.guard import parse_allowed
from services.common.settings import FromEnvironment

_NAME = re.compile(r"[\w.-]+|\[[0-9a-f:.]+\]", re.ASCII)


class ConsoleSettings(FromEnvironment):
    """Where the console listens, how it is reached, and for whom it makes connections."""

    prefix: ClassVar[str] = "MAILWEIR_CONSOLE_"

    host: str = Field("127.0.0.1", description="Address to listen on; another than loopback wants TLS or a proxy.")
    port: int = Field(8025, ge=0, le=65535, description="0 takes a free one.")
    names: str = Field("", description="Host names it is reached by, with commas between; loopback names always work.")
    tls_certificate: Path | None = Field(None, description="PEM chain; with it the console speaks HTTPS itself.")
    tls_key: Path | None = Field(None, description="PEM key of that chain.")
    behind_proxy: bool = Field(False, description="A proxy in front ends TLS and sets X-Forwarded-For and -Proto.")
    published_locally: bool = Field(False, description="A container whose port is published to 127.0.0.1 only.")
    proxies: str = Field("127.0.0.1", description="Addresses of such proxies, with commas between.")
    allowed_hosts: str = Field("", description="Mail servers beyond the public ones: name[:port][@network], commas.")
    idle_minutes: int = Field(60, ge=1, le=525_600, description="A session ends after so long without a request.")
    session_hours: int = Field(12, ge=1, le=8_760, description="A session ends after so long in any case.")

    @property
    def secure(self) -> bool:
        """Whether people reach it over HTTPS, so that cookies are bound to it."""
        return self.tls_certificate is not None or self.behind_proxy

    @property
    def host_names(self) -> frozenset[str]:
        """Names that the Host header may carry: ASCII, in lower case and without port."""
        given = (_ascii(name.strip().lower()) for name in self.names.split(","))
        return frozenset({"localhost", "127.0.0.1", "[::1]", *filter(None, given)})

    def faults(self) -> Iterator[str]:
        """The console is not shown to a network in clear; what names hosts and addresses does."""
        yield from self._odd_names()
        if (self.tls_certificate is None) != (self.tls_key is None):
            yield "MAILWEIR_CONSOLE_TLS_CERTIFICATE and MAILWEIR_CONSOLE_TLS_KEY go together"
        if not (_is_loopback(self.host) or self.secure or self.published_locally):
            yield (
                f"the console does not listen on {self.host} in clear: give MAILWEIR_CONSOLE_TLS_CERTIFICATE and "
                "MAILWEIR_CONSOLE_TLS_KEY, or set MAILWEIR_CONSOLE_BEHIND_PROXY=true when a proxy ends TLS, "
                "or MAILWEIR_CONSOLE_PUBLISHED_LOCALLY=true in a container whose port only 127.0.0.1 reaches"
            )

    def _odd_names(self) -> Iterator[str]:
        for name in self.host_names:
            if not _NAME.fullmatch(name):
                yield f"MAILWEIR_CONSOLE_NAMES: {name}: write host names only, without https:// and without a port"
        for address in filter(None, (each.strip() for each in self.proxies.split(","))):
            if address != "*" and not _is_network(address):
                yield f"MAILWEIR_CONSOLE_PROXIES: {address}: write addresses or networks, such as 172.18.0.0/16"
        try:
            parse_allowed(self.allowed_hosts)
        except ConfigurationError as error:
            yield f"MAILWEIR_CONSOLE_ALLOWED_HOSTS: {error}"


def _ascii(name: str) -> str:
    """A name as browsers send it; one outside of ASCII as an A-label."""
    with contextlib.suppress(ValueError):
        return name if name.isascii() else ascii_host(name)
    return name


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
