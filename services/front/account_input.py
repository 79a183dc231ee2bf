"""From what was typed to an account: provider and host found from the address, every field checked."""

import asyncio
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from services.common.accounts.fields import PORTS, Account, checked, slug_of
from services.common.accounts.providers import GENERIC, Profile, profile, profile_for
from services.common.accounts.settings import SettingErrors, Value, parse_pairs, settings_of
from services.common.errors import ConfigurationError, ConnectionFailed
from services.common.tls import client_context

T = TypeVar("T")
PROBE_SECONDS = 6.0
_OPTIONS = ("host", "port", "tls", "user", "auth", "ca_file", "folder")


class Connection(Struct, frozen=True, kw_only=True):
    """Where and as whom to sign in, and which folders to take; None where nothing is said."""

    host: str | None = None
    port: int | None = None
    tls: str | None = None
    user: str | None = None
    auth: str | None = None
    ca_file: str | None = None
    folders: tuple[str, ...] = ()


class Typed(Connection, frozen=True, kw_only=True):
    """The options of ``accounts add`` and ``accounts set`` as typed. ``pairs``: settings as KEY=VALUE."""

    pairs: tuple[str, ...] = ()


def new_account(name: str, typed: Typed) -> tuple[Account, str]:
    """A checked account, and a remark for the person ("" for none).

    ``name`` is a slug, or a mail address: then the provider, the host and the user come from it.

    Raises:
        SettingErrors: bad fields, one line each.
        ConfigurationError: no host or user, and none to be found.
        ConnectionFailed: none of the hosts that such an address usually has answers.

    """
    name = _narrow(name)
    user = typed.user or _address(name)
    if user is None:
        raise ConfigurationError(f"account {name} needs --user (or use the mail address as its name)")
    known = profile_for(user, typed.host or "")
    given, ca_file = _options(typed)
    host, remark = (typed.host, "") if typed.host else _find_host(known, user, ca_file)
    tls = typed.tls or known.tls
    account = Account(
        slug=slug_for(name),
        host=host,
        port=_given(typed.port, known.port if tls == known.tls else PORTS.get(tls, 993)),
        tls=tls,  # type: ignore[arg-type]
        user=user,
        auth=typed.auth or known.auth,  # type: ignore[arg-type]
        ca_file=ca_file,
        provider=known.id,
        given=given,
        settings=settings_of(given, known.settings),
    )
    return checked(account), remark


def unheeded(account: Account) -> str:
    """What an owner set and nothing acts upon yet, "" for nothing: to believe that old mail is gone would be worse."""
    if account.settings.retention_days is None:
        return ""
    return "retention_days is stored and not heeded yet: no mail is removed here because of its age"


def slug_for(name: str) -> str:
    """The name that an account gets: the one that was typed, or one made of a mail address."""
    name = _narrow(name)
    return slug_of(name) if "@" in name else name


def _narrow(name: str) -> str:
    """An address typed with a full-width at sign, as Chinese input methods give it, in the usual characters."""
    return unicodedata.normalize("NFKC", name) if "＠" in name else name


def _address(name: str) -> str | None:
    """The mail address that a name is; None for another name. Raises ConfigurationError for half of one."""
    if "@" not in name:
        return None
    local, _, domain = name.strip().rpartition("@")
    if not local or not domain or set(domain) & set(" \t/:;,<>()"):
        raise ConfigurationError(f"{name!r} is not a mail address; it looks like me@example.org")
    return name.strip()


def changed_account(before: Account, typed: Typed) -> Account:
    """The account with the typed changes. Raises SettingErrors. The provider follows a new host or user."""
    typed_given, ca_file = _options(typed)
    given = {**before.given, **typed_given}
    given = {key: value for key, value in given.items() if value not in (None, ())}
    host, user = _given(typed.host, before.host), _given(typed.user, before.user)
    moved = (host, user) != (before.host, before.user)
    known = profile_for(user, host) if moved else profile(before.provider)
    other_tls = typed.tls is not None and typed.tls != before.tls
    return checked(
        replace(
            before,
            host=host,
            port=_given(typed.port, PORTS.get(typed.tls or "", 993) if other_tls else before.port),
            tls=_given(typed.tls, before.tls),
            user=user,
            auth=_given(typed.auth, before.auth),
            ca_file=ca_file if typed.ca_file is not None else before.ca_file,
            provider=known.id,
            given=given,
            settings=settings_of(given, known.settings),
        )
    )


def _given(typed: T | None, otherwise: T) -> T:
    return otherwise if typed is None else typed


def _options(typed: Typed) -> tuple[dict[str, Value], str | None]:
    """Settings and CA file; the bad fields of both, and of what can be checked alone, in one SettingErrors."""
    misplaced = [pair for pair in typed.pairs if pair.partition("=")[0] in _OPTIONS]
    pairs = [pair for pair in typed.pairs if pair not in misplaced]
    lines = [_as_option(pair) for pair in misplaced]
    given: dict[str, Value] = {}
    ca_file = None
    try:
        given = parse_pairs([*pairs, *(f"include={glob}" for glob in typed.folders)])
    except SettingErrors as errors:
        lines += errors.lines
    try:
        ca_file = _ca_file(typed.ca_file)
    except SettingErrors as errors:
        lines += errors.lines
    if lines:
        raise SettingErrors([*lines, *_field_lines(typed)])
    return given, ca_file


def _as_option(pair: str) -> str:
    key, _, value = pair.partition("=")
    return f"{key}: it is an option: --{key.replace('_', '-')} {value}"


def _field_lines(typed: Typed) -> tuple[str, ...]:
    stand_in = Account(slug="x", host="x", user="x")
    names = ("host", "port", "tls", "user", "auth")
    try:
        checked(replace(stand_in, **{name: value for name in names if (value := getattr(typed, name)) is not None}))
    except SettingErrors as errors:
        return errors.lines
    return ()


def _ca_file(name: str | None) -> str | None:
    """The absolute path of a file with certificates; "" means the system's own. Raises SettingErrors."""
    if not name:
        return None
    path = Path(name).expanduser().absolute()
    try:
        client_context(path)
    except FileNotFoundError as error:
        raise SettingErrors([f"ca_file: there is no file {path}"]) from error
    except OSError as error:
        raise SettingErrors([f"ca_file: {path} holds no certificate in PEM form ({error.strerror})"]) from error
    return str(path)


def _find_host(known: Profile, user: str, ca_file: str | None) -> tuple[str, str]:
    """The first host of the profile that completes a verified TLS handshake; a known provider's first one otherwise."""
    domain = user.rpartition("@")[2]
    if "@" not in user or not domain:
        raise ConfigurationError(f"--host is needed: {user} is not a mail address that tells it")
    hosts = known.hosts_of(domain)
    if not hosts:
        raise ConfigurationError(f"{user!r} is not a mail address; it looks like me@example.org")
    if len(hosts) == 1:
        return hosts[0], ""
    found = asyncio.run(_first_safe(hosts, known.port, ca_file))
    tried = ", ".join(hosts)
    if found is None and known.id == GENERIC:
        raise ConnectionFailed(
            f"no IMAP server found for {domain} (tried {tried} on port {known.port});"
            f" name it: mailweir accounts add {user} --host HOST"
        )
    return found or hosts[0], "" if found else f"none of {tried} answers from here now; each connection tries them all"


async def _first_safe(hosts: Sequence[str], port: int, ca_file: str | None) -> str | None:
    good = await asyncio.gather(*(_is_safe(host, port, ca_file) for host in hosts))
    return next((host for host, answers in zip(hosts, good, strict=True) if answers), None)


async def _is_safe(host: str, port: int, ca_file: str | None) -> bool:
    """Whether a TLS handshake with a verified certificate completes; nothing is sent."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            context = client_context(ca_file)
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, TimeoutError, ValueError):
        return False
    writer.close()
    return True
