"""What an account is, and the check of each of its fields. Pure."""

import ipaddress
import re
from datetime import datetime
from typing import Literal, get_args

import msgspec
from msgspec import Struct, field

from services.common.accounts.settings import AccountSettings, SettingErrors, Value, quoted

Tls = Literal["implicit", "starttls"]
Auth = Literal["auto", "password", "xoauth2", "oauthbearer"]
State = Literal["active", "paused"]
PORTS: dict[str, int] = {"implicit": 993, "starttls": 143}

SLUG = r"[A-Za-z0-9][A-Za-z0-9._\-]{0,62}"
_SLUG = re.compile(rf"{SLUG}\Z")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Account(Struct, frozen=True, kw_only=True):
    """One mailbox login on one server. ``settings`` is what counts (given before profile before default).

    ``given`` holds only what the owner set. ``version`` grows with each change that the owner makes, over all accounts.
    """

    slug: str
    host: str
    port: int = 993
    tls: Tls = "implicit"
    user: str
    auth: Auth = "auto"
    ca_file: str | None = None
    provider: str = "generic"
    given: dict[str, Value] = field(default_factory=dict)
    settings: AccountSettings = AccountSettings()
    state: State = "active"
    version: int = 0
    changed_at: datetime | None = None

    @property
    def by_token(self) -> bool:
        """Whether nothing but an OAuth access token is to sign in (``auto`` may take either)."""
        return self.auth in {"xoauth2", "oauthbearer"}


def checked(account: Account) -> Account:
    """The account with its host in ASCII form, its user without spaces around it.

    Raises SettingErrors with one line per bad field.
    """
    account = msgspec.structs.replace(account, user=account.user.strip())
    problems = (
        (
            "name",
            _SLUG.match(account.slug),
            "use letters, digits, '.', '_' and '-', 63 at most, a letter or digit first",
        ),
        (
            "host",
            _is_host(account.host),
            f"{quoted(account.host)} is not a host name or address, without scheme or port",
        ),
        ("port", 1 <= account.port <= 65535, f"{account.port} is not between 1 and 65535"),
        (
            "tls",
            account.tls in PORTS,
            f"{quoted(account.tls)} is not one of implicit, starttls; mail is never read without TLS",
        ),
        ("user", _is_line(account.user), "it must be one line of text, 320 characters at most"),
        ("auth", account.auth in get_args(Auth), f"{quoted(account.auth)} is not one of {', '.join(get_args(Auth))}"),
        ("ca_file", account.ca_file is None or _is_line(account.ca_file, 4096), "it must be the path of a PEM file"),
    )
    lines = [f"{name}: {problem}" for name, good, problem in problems if not good]
    if lines:
        raise SettingErrors(lines)
    return msgspec.structs.replace(account, host=ascii_host(account.host))


def ascii_host(host: str) -> str:
    """A host name in lower case and IDNA form, an address as it is. Raises ValueError when it has none.

    By IDNA 2008 as browsers do: the codec of that name would lead from straße.example to strasse.example.
    """
    name = host.strip().strip("[]").rstrip(".")
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower() if name.isascii() else _encoded(name)


def _encoded(name: str) -> str:
    import idna  # noqa: PLC0415 -- its tables take longer to load than most commands run

    return idna.encode(name, uts46=True).decode().rstrip(".")


def slug_of(address: str) -> str:
    """A slug for an address: ``me@gd.chinamobile.com`` gives ``me-gd.chinamobile.com``."""
    return re.sub(r"[^a-z0-9._-]+", "-", address.lower()).strip("-._")[:63] or "mail"


def _is_host(host: str) -> bool:
    try:
        name = ascii_host(host)
    except ValueError:
        return False
    return _is_address(name) or (0 < len(name) <= 253 and all(map(_LABEL.match, name.split("."))))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_line(text: str, most: int = 320) -> bool:
    return 0 < len(text) <= most and not _CONTROL.search(text)
