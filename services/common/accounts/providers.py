"""Provider profiles: what is known of mail providers, as data in ``profiles/*.toml`` beside this module.

A profile is found from a mail address (its domain, or a parent of it where the profile says ``*.domain``) or from a
host name. Unknown ones get the ``generic`` profile. Times are seconds, sizes octets; texts exist in ``en`` and ``zh``.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct, field

from services.common.accounts.fields import Auth, Tls, ascii_host
from services.common.accounts.settings import Value, parse_mapping

GENERIC = "generic"
Text = dict[str, str]


class OAuth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """OAuth2 endpoints and scope of a provider (RFC 6749, 8628); the client id is the operator's."""

    authorize_url: str
    token_url: str
    device_url: str | None = None
    issuer: str | None = None
    scope: str
    parameters: dict[str, str] = field(default_factory=dict)
    refresh_token_days: int | None = None
    redirect_host: Literal["127.0.0.1", "localhost"] = "127.0.0.1"


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider.

    ``hosts`` are tried in order (``{domain}`` and ``{parent}`` stand for the address's domain and the domain above it):
    the next one only after a connection or TLS failure, never after a refused sign-in. ``secret`` is what the provider
    wants instead of the web password. ``force_login``: LOGIN even where AUTHENTICATE is offered. ``identify`` says when
    ID (RFC 2971) is sent. What a server is known for stands in comments of its file: the poller believes no server.
    """

    id: str
    name: Text
    domains: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    port: int = 993
    tls: Tls = "implicit"
    signin: tuple[Literal["password", "xoauth2", "oauthbearer"], ...] = ("password",)
    force_login: bool = False
    secret: Literal["password", "code", "app_password", "oauth"] = "password"  # noqa: S105
    identify: Literal["advertised", "required", "never"] = "advertised"
    settings: dict[str, Value] = field(default_factory=dict)
    oauth: OAuth | None = None
    advice: dict[str, Text] = field(default_factory=dict)

    @property
    def grants(self) -> bool:
        """Whether access is granted in a browser (OAuth2) rather than by a typed secret."""
        return self.secret == "oauth"  # noqa: S105 (a kind of secret)

    @property
    def auth(self) -> Auth:
        """How a new account signs in: by a token where only a grant will do, else by what is there."""
        return self.signin[0] if self.grants else "auto"

    def text(self, texts: Text, lang: str) -> str:
        """A text in the language asked for, else in English."""
        return texts.get(lang) or texts.get("en", "")

    def advise(self, about: str, lang: str = "en", account: str = "NAME") -> str:
        """Advice about a sign-in state (``credential``, ``tls``...) or what to ask for (``secret``); empty if none."""
        texts = self.advice.get(about) or profiles()[GENERIC].advice.get(about, {})
        return self.text(texts, lang).replace("{account}", account)

    def hosts_of(self, domain: str) -> tuple[str, ...]:
        """Host names to try for a domain, in order; none for what is no domain."""
        try:
            domain = ascii_host(domain)
        except ValueError:
            return ()
        parent = domain.partition(".")[2]
        parent = parent if "." in parent else domain
        return tuple(dict.fromkeys(host.format(domain=domain, parent=parent) for host in self.hosts))


def candidates(known: Profile, host: str, user: str) -> tuple[str, ...]:
    """An account's host, then the profile's other hosts for its address when the host is one of them."""
    usual = known.hosts_of(user.rpartition("@")[2].lower())
    return (host, *(other for other in usual if host in usual and other != host))


def profile_for(address: str, host: str = "") -> Profile:
    """The profile of a mail address, else of a host name, else ``generic``."""
    domain = address.rpartition("@")[2].lower().rstrip(".") if "@" in address else ""
    found = _by_domain(domain) or _by_host(host.lower())
    return found or profiles()[GENERIC]


def profile(provider: str) -> Profile:
    """The profile of that id; ``generic`` for an unknown one (a profile may be taken away by an update)."""
    return profiles().get(provider) or profiles()[GENERIC]


@cache
def profiles() -> dict[str, Profile]:
    """All profiles by id. Raises msgspec.ValidationError for a malformed file, which a test prevents."""
    folder = files("services").joinpath("common", "accounts", "profiles")
    texts = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    loaded = [parse_profile(folder.joinpath(name).read_text(encoding="utf-8")) for name in texts]
    return {item.id: item for item in loaded}


def parse_profile(text: str) -> Profile:
    """A profile from TOML, its settings checked like an owner's."""
    found = msgspec.convert(tomllib.loads(text), Profile)
    return msgspec.structs.replace(found, settings=parse_mapping(found.settings))


def _by_domain(domain: str) -> Profile | None:
    if not domain:
        return None
    exact = next((item for item in profiles().values() if domain in item.domains), None)
    above = ["*." + domain.split(".", depth)[depth] for depth in range(1, domain.count(".") + 1)]
    return exact or next((item for name in above for item in profiles().values() if name in item.domains), None)


def _by_host(host: str) -> Profile | None:
    return next((item for item in profiles().values() if host and host in item.hosts), None)
