"""SASL messages: PLAIN (RFC 4616), XOAUTH2 (Google), OAUTHBEARER (RFC 7628), and the answers to their errors."""

import base64
import binascii
import re
from urllib.parse import quote

import msgspec

from services.poller.imap.errors import SignInImpossible
from services.poller.imap.model import Credentials, Endpoint

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_MAX_CHALLENGE = 16 * 1024
_SHORTEST = 3
_SHORTEST_PIECE = 14
_MOST_TOLD = 2048


def check(credentials: Credentials) -> None:
    """Refuse what no mechanism may carry. Raises SignInImpossible, without the value."""
    if not credentials.user or not credentials.secret:
        raise SignInImpossible("the user name or the secret is empty")
    if any(c in credentials.user + credentials.secret for c in "\0\r\n"):
        raise SignInImpossible("the user name or the secret contains a line break or NUL; enter it again")
    if credentials.token and not _TOKEN.fullmatch(credentials.secret):
        raise SignInImpossible("the access token contains characters outside RFC 6750 section 2.1")


def initial_response(mechanism: str, credentials: Credentials, endpoint: Endpoint) -> bytes:
    """Base64 of the mechanism's only client message."""
    user, secret = credentials.user, credentials.secret
    if mechanism == "PLAIN":
        clear = f"\0{user}\0{secret}"
    elif mechanism == "XOAUTH2":
        clear = f"user={user}\1auth=Bearer {secret}\1\1"
    else:
        name = user.replace("=", "=3D").replace(",", "=2C")
        clear = f"n,a={name},\1host={endpoint.host}\1port={endpoint.port}\1auth=Bearer {secret}\1\1"
    return base64.b64encode(clear.encode("utf-8"))


def traces(credentials: Credentials, endpoint: Endpoint) -> tuple[bytes, ...]:
    """The forms in which a server could repeat the secret: to be struck out of its texts, longest first."""
    secret = credentials.secret.encode()
    escaped = secret.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    forms = {secret, escaped, base64.b64encode(secret), quote(credentials.secret).encode()}
    forms |= {initial_response(name, credentials, endpoint) for name in ("PLAIN", "XOAUTH2", "OAUTHBEARER")}
    return tuple(sorted((form for form in forms if len(form) > _SHORTEST), key=len, reverse=True))


def struck(line: bytes, hidden: tuple[bytes, ...]) -> bytes:
    """A status line, from its word on, without the secret in any of its ``traces``; a refusal without its pieces, too.

    Servers repeat what they refuse, and cut what is long.
    """
    for form in hidden:
        line = line.replace(form, b"***")
    if line[:2].upper() == b"OK":
        return line
    line = line[:_MOST_TOLD]  # of which a person sees 300 characters
    lower, forms = line.lower(), tuple(form.lower() for form in hidden)
    told, at = bytearray(), 0
    while at < len(line):
        length = _piece(lower, at, forms)
        told += b"***" if length else line[at : at + 1]
        at += length or 1
    return bytes(told)


def _piece(line: bytes, at: int, forms: tuple[bytes, ...]) -> int:
    """Length of the piece of a form that begins there, 0 for a short one: it may be a word that both happen to use."""
    end = at + _SHORTEST_PIECE
    known = [form for form in forms if line[at:end] in form] if end <= len(line) else []
    if not known:
        return 0
    while end < len(line) and any(line[at : end + 1] in form for form in known):
        end += 1
    return end - at


def terminator(mechanism: str) -> bytes:
    """What ends the exchange after an error challenge: empty for XOAUTH2, ^A for OAUTHBEARER, "*" cancels PLAIN."""
    return {"OAUTHBEARER": b"AQ==", "XOAUTH2": b""}.get(mechanism, b"*")


def challenge_status(text: bytes) -> str:
    """``status`` of an OAuth error challenge, digits or a short word; "" when it cannot be decoded."""
    try:
        found = msgspec.json.decode(base64.b64decode(text[:_MAX_CHALLENGE], validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        return ""
    value = found.get("status") if isinstance(found, dict) else None
    word = str(value) if isinstance(value, str | int) else ""
    return word if re.fullmatch(r"[A-Za-z0-9_]{1,40}", word) else ""
