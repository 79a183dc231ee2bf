"""Failures of IMAP by what they mean (RFC 5530 section 3, RFC 9051 section 7.1), not by where they happened.

``state`` is the word of ``mailweir status`` (docs/commands.md); ``code`` the response code without brackets, upper
case; ``detail`` the server's text, decoded, stripped of control characters and cut at 300. None carries a secret.
"""

from typing import ClassVar

from services.common.errors import MailweirError


class ImapError(MailweirError):
    """Any failure of the IMAP layer. ``usable`` says whether the session may be used further.

    ``about`` names the advice of the provider's profile that fits, where the state alone says too little.
    """

    state: ClassVar[str] = "unknown"
    about: str = ""
    exit_code = 3

    def __init__(self, reason: str, *, code: str = "", detail: str = "", usable: bool = False, about: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.about = about or self.about
        self.reason = reason
        self.code = code
        self.detail = detail
        self.usable = usable


def about(error: Exception) -> str:
    """Name of the advice that fits a failure of sign-in or retrieval; "" when no server is at fault."""
    return str(getattr(error, "about", "") or getattr(error, "state", ""))


class NetworkError(ImapError):
    """Name not found, refused, reset, closed early: try again with back-off."""

    state = "network"
    exit_code = 5


class OperationTimeout(NetworkError):
    """No byte for ``command_timeout`` seconds, or a transfer below ``min_rate``: the connection is closed."""


class ConnectionLost(NetworkError):
    """The connection ended in the middle of something; all of it counts as not done."""


class ServerBye(ConnectionLost):
    """The server said BYE (going away, session expired, idle too long): reconnect with back-off."""

    about = "temporary"


class TlsError(ImapError):
    """TLS could not be established; never retried in a weaker way."""

    state = "tls"
    exit_code = 5


class TlsSecurity(TlsError):
    """Certificate or name not verified, STARTTLS missing, refused or tampered with, PREAUTH: needs a person."""


class TlsCompatibility(TlsError):
    """Handshake alert or no shared cipher: the account's ``legacy_tls`` may help."""

    about = "legacy"


class SignInError(ImapError):
    """The sign-in did not succeed."""

    exit_code = 4


class CredentialRefused(SignInError):
    """The secret is wrong, expired or not allowed (AUTHENTICATIONFAILED, AUTHORIZATIONFAILED, EXPIRED)."""

    state = "credential"


class TokenRefused(CredentialRefused):
    """An OAuth token was refused; ``status`` of the challenge or "". Refresh once, then consent is needed."""

    def __init__(self, reason: str, *, status: str = "", code: str = "", detail: str = "") -> None:
        super().__init__(reason, code=code, detail=detail)
        self.status = status


class AmbiguousRefusal(SignInError):
    """NO without a code: wrong secret, service off, frequency limit or busy; slow retries, then attention."""

    state = "ambiguous"


class SignInImpossible(SignInError):
    """No mechanism in common, LOGINDISABLED, PRIVACYREQUIRED, characters that no mechanism carries: configuration."""

    state = "configuration"
    exit_code = 2


class SignInBarred(SignInError):
    """The server takes no sign-in of this kind: the mechanism, passwords altogether, or IMAP itself is off there."""

    state = "configuration"


class Temporary(ImapError):
    """UNAVAILABLE, INUSE, SERVERBUG, CONTACTADMIN: the server's trouble, try later."""

    state = "temporary"


class Throttled(ImapError):
    """The server asks for less; ``wait`` is the least pause in seconds it asked for or that its limit is known for."""

    state = "throttled"

    def __init__(self, reason: str, *, wait: float, code: str = "", detail: str = "", usable: bool = False) -> None:
        super().__init__(reason, code=code, detail=detail, usable=usable)
        self.wait = wait


class TooManyConnections(Throttled):
    """The limit of simultaneous connections: close spare ones, pool maximum - 1."""


class QuotaExceeded(Throttled):
    """OVERQUOTA with bandwidth or command wording: close, at least an hour, doubling to a day."""


class Refused(ImapError):
    """A command was answered NO with nothing more specific; the session goes on."""


class NotNow(Temporary, Refused):
    """NO to a command after the sign-in, for the time being (UNAVAILABLE and its like); the session goes on."""


class FetchRefused(Refused):
    """NO to a UID FETCH: split the set down to single UIDs (RFC 2180 section 4.1.2)."""


class ExpungeIssued(FetchRefused):
    """EXPUNGEISSUED or a text that says so: messages went away meanwhile; NOOP, enumerate again."""


class StoreDamaged(Refused):
    """CORRUPTION: the server's store is damaged there; quarantine."""


class FolderGone(Refused):
    """NONEXISTENT on EXAMINE or STATUS: LIST again."""


class PermissionRefused(Refused):
    """NOPERM or CANNOT: skip the folder and show it."""


class IdentificationWanted(Refused):
    """A Coremail server says "Unsafe Login": it wants ID before EXAMINE, or the owner has to allow the client."""

    state = "configuration"
    exit_code = 4
    about = "identify"


class CommandRejected(ImapError):
    """BAD: our bytes or a quirk; never repeat the same command, step down; the session goes on unless it closed."""


class ProtocolViolation(ImapError):
    """The server broke the protocol (unknown tag, endless line, broken literal): the connection is closed."""


class ResponseTooLarge(ProtocolViolation):
    """A line, response or number of items above the caps: the connection is closed."""


class LiteralTooLarge(ProtocolViolation):
    """A literal above ``max_literal``: the connection is closed; ``uid`` is the message's when it was named before."""

    def __init__(self, reason: str, *, announced: int, uid: int | None = None) -> None:
        super().__init__(reason)
        self.announced = announced
        self.uid = uid
