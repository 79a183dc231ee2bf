"""What an answer of an OAuth2 token endpoint means (RFC 6749 section 5, RFC 8628 section 3.5). Pure."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from services.common.accounts.fields import Account
from services.common.accounts.providers import profile
from services.common.accounts.settings import SettingErrors
from services.common.secret import Secret

Kind = Literal["consent", "operator", "temporary", "throttled", "unreachable", "unreadable", "pending"]
MOST_WAIT = 86_400.0
ASSUMED_LIFE = 3600.0
NOTABLE_SKEW = 60.0
MOST_SKEW = 10 * 365 * 86_400.0
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_AADSTS = re.compile(r"AADSTS\d{3,8}")
_OPERATOR = {"invalid_client", "unauthorized_client", "invalid_scope", "invalid_request", "unsupported_grant_type"}
_CONSENT = {
    "invalid_grant",
    "interaction_required",
    "consent_required",
    "login_required",
    "access_denied",
    "expired_token",
}
_PENDING = {"authorization_pending", "slow_down"}
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Client:
    """Where and as whom an account asks for tokens."""

    token_url: str
    client_id: str
    scope: str | None = None
    authorize_url: str | None = None
    device_url: str | None = None
    issuer: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    ca_file: str | None = None
    dies_after_days: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Granted:
    """Tokens. ``life`` in seconds from receipt; ``refresh_token`` None: the old one stays."""

    access_token: Secret
    life: float
    refresh_token: Secret | None = None
    refresh_life: float | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """No tokens: whose turn it is, the error code, and how many seconds to wait (None: not said)."""

    kind: Kind
    code: str
    wait: float | None = None


def client_of(account: Account) -> Client:
    """The account's settings before its provider's preset.

    Raises:
        SettingErrors: no token address or client id, or an address that is not https (http only on loopback).

    """
    own = account.settings
    preset = None if own.oauth_token_url else profile(account.provider).oauth
    token_url = own.oauth_token_url or (preset and preset.token_url)
    urls = {
        "oauth_token_url": token_url,
        "oauth_authorize_url": own.oauth_authorize_url or (preset and preset.authorize_url),
        "oauth_device_url": own.oauth_device_url or (preset and preset.device_url),
    }
    needed = {"oauth_token_url": token_url, "oauth_client_id": own.oauth_client_id}
    hint = f"give it with: mailweir accounts set {account.slug} --set"
    lines = [f"{name}: missing; {hint} {name}=..." for name, value in needed.items() if not value]
    lines += [f"{name}: it must be an https:// address" for name, url in urls.items() if url and not is_safe(url)]
    if lines:
        raise SettingErrors(lines)
    return Client(
        token_url=token_url or "",
        client_id=own.oauth_client_id or "",
        scope=own.oauth_scope or (preset and preset.scope) or None,
        authorize_url=urls["oauth_authorize_url"] or None,
        device_url=urls["oauth_device_url"] or None,
        issuer=own.oauth_issuer or (preset.issuer if preset else None),
        parameters=preset.parameters if preset else {},
        ca_file=own.oauth_ca_file,
        dies_after_days=preset.refresh_token_days if preset else None,
    )


def is_safe(url: str) -> bool:
    """Whether tokens may travel there: https, or http to this machine (RFC 8252 section 8.3)."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0  # which is checked when it is read
    except ValueError:
        return False
    local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    return named and url.isprintable() and (parts.scheme == "https" or local)


def read(answer: Answer) -> Granted | Refused:
    """What a token endpoint said. Never raises; an answer that cannot be read changes nothing that is stored."""
    wait = retry_after(answer.headers)
    found = _object(answer.body)
    if answer.status == 429:
        return Refused("throttled", "429", wait)
    if answer.status >= 500:
        return Refused("temporary", str(answer.status), wait)
    code = found.get("error")
    if isinstance(code, str) and code:
        return _refused(code, str(found.get("error_description", "")), wait)
    kind: Kind = "operator" if 300 <= answer.status < 400 else "unreadable"
    granted = _granted(found) if answer.status == 200 else None
    return granted or Refused(kind, f"{answer.status} without tokens or an OAuth error", wait)


def skew(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds that this machine's clock is ahead of the server's ``Date`` header, ten years at most; 0 without one."""
    date = _http_date(headers.get("date", ""))
    ahead = (now - date).total_seconds() if date else 0.0
    return max(-MOST_SKEW, min(ahead, MOST_SKEW))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by ``Retry-After`` (RFC 9110 section 10.2.3); a date counts from the server's own ``Date``."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return min(float(text), MOST_WAIT)
    until, date = _http_date(text), _http_date(headers.get("date", ""))
    return min(max((until - date).total_seconds(), 0.0), MOST_WAIT) if until and date else None


def margin(life: float) -> float:
    """Seconds before its end at which a token is renewed: five minutes or a tenth, at most half of its life."""
    return min(max(300.0, life / 10), life / 2)


def _refused(code: str, description: str, wait: float | None) -> Refused:
    number = _AADSTS.search(description)
    shown = re.sub(r"[^A-Za-z0-9_.-]", "?", code[:60]) + (f" ({number[0]})" if number else "")
    if code in _PENDING:
        return Refused("pending", code, wait)
    if code in _CONSENT:
        return Refused("consent", shown, wait)
    if code in _OPERATOR:
        return Refused("operator", shown, wait)
    return Refused("temporary", shown, wait)


def _granted(found: Mapping[str, Any]) -> Granted | None:
    access, kind, renewed = found.get("access_token"), found.get("token_type") or "bearer", found.get("refresh_token")
    if not isinstance(access, str) or not _TOKEN.fullmatch(access) or str(kind).lower() != "bearer":
        return None
    usable = renewed if isinstance(renewed, str) and re.fullmatch(r"[\x21-\x7e]+", renewed) else None
    life = _seconds(found.get("expires_in"))
    return Granted(
        Secret(access),
        ASSUMED_LIFE if life is None else life,
        Secret(usable) if usable else None,
        _seconds(found.get("refresh_token_expires_in", found.get("refresh_expires_in"))) or None,
        _address(found.get("id_token")),
    )


def _address(id_token: object) -> str | None:
    """The e-mail claim. The token came straight from the issuer over TLS (OpenID Connect Core 3.1.3.7, item 6)."""
    try:
        payload = str(id_token).split(".")[1]
        claims = _object(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return None
    found = claims.get("email")
    if not isinstance(found, str) or "@" not in found:
        return None
    return "".join(character if character.isprintable() else "?" for character in found)  # it is shown when it differs


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return min(number, 10 * 365 * MOST_WAIT) if number >= 0 else None


def _http_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
