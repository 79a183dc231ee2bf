"""From a refusal to what it means: response code first (RFC 5530), text only as a fallback."""

import re

from services.poller.imap.errors import (
    AmbiguousRefusal,
    CommandRejected,
    CredentialRefused,
    ExpungeIssued,
    FetchRefused,
    FolderGone,
    IdentificationWanted,
    ImapError,
    NotNow,
    PermissionRefused,
    QuotaExceeded,
    Refused,
    ServerBye,
    SignInBarred,
    SignInImpossible,
    StoreDamaged,
    Temporary,
    Throttled,
    TokenRefused,
    TooManyConnections,
)
from services.poller.imap.responses import Status

TEMPORARY_CODES = frozenset({"UNAVAILABLE", "INUSE", "SERVERBUG", "CONTACTADMIN"})
CREDENTIAL_CODES = frozenset({"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED"})
MAX_SUGGESTED_WAIT = 300.0
BANDWIDTH_WAIT = 3600.0
CONNECTIONS_WAIT = 600.0
NOT_CONNECTED_WAIT = 300.0
LIMIT_WAIT = 60.0

# What providers write. Searched in lower-case text; the first row that fits counts.
THROTTLE_TEXTS: tuple[tuple[str, type[Throttled], float], ...] = (
    (r"too many (open |simultaneous |concurrent )*connections", TooManyConnections, CONNECTIONS_WAIT),
    (r"maximum number of connections", TooManyConnections, CONNECTIONS_WAIT),
    (r"authenticated but not connected", TooManyConnections, NOT_CONNECTED_WAIT),
    (r"(command|bandwidth) (or bandwidth )?limits?\b|bandwidth (quota|limit)", QuotaExceeded, BANDWIDTH_WAIT),
    (r"throttled|rate limit|too many (requests|commands|logins?|attempts)", Throttled, LIMIT_WAIT),
)
_SUGGESTED = re.compile(r"suggested backoff time: ?(\d{1,9}) ?(milliseconds|ms|seconds|s)?", re.IGNORECASE)
_UNSAFE = re.compile(r"unsafe login|login is (not safe|unsafe)", re.IGNORECASE)
_GONE = re.compile(
    r"does not exist|doesn't exist|not exist|no such (mailbox|folder)|unknown (mailbox|folder)|not found", re.IGNORECASE
)
_FORBIDDEN = re.compile(r"permission denied|access denied|not allowed", re.IGNORECASE)
_EXPUNGED = re.compile(r"no longer exist|expunged|has been deleted|no matching messages", re.IGNORECASE)
_TRY_LATER = re.compile(r"try again later|temporar|system (is )?busy|server (is )?busy|系统繁忙|稍后", re.IGNORECASE)
_SECRET_WORDS = re.compile(r"password|passwd|credential|密码|授权码|authorization code|account", re.IGNORECASE)
_CODE_WRONG = re.compile(
    r"授权码|专用密码|authorization code|(app(lication)?|client)[- ]specific password|app password", re.IGNORECASE
)
_WEB_FIRST = re.compile(r"log ?in via your web browser|web login required", re.IGNORECASE)
_BARRED = re.compile(
    r"basic auth\w*( is| has been)? (disabled|blocked|off|turned off|not (allowed|enabled|supported))"
    r"|^login( command)?( is| has been)? (disabled|not (allowed|enabled|supported|available))"
    r"|plain ?text (auth\w*|logins?)( is| are)? (disallowed|disabled|not (allowed|permitted|supported))"
    r"|(unsupported|unknown|unrecognized|invalid) (auth\w* )?mechanism"
    r"|mechanism( is)? not (supported|available|allowed)",
    re.IGNORECASE,
)
_SWITCHED_OFF = re.compile(
    r"imap\S* (access |service )?(is |has been )?(currently )?(disabled|not enabled|off\b|turned off|switched off)"
    r"|not enabled for imap|imap\S{0,2}(服务|功能)?(尚)?未(开启|启用|开通)|未(开启|启用|开通).{0,4}imap",
    re.IGNORECASE,
)
_CATCH_ALL = re.compile(r"frequen|busy|limit|abnormal|频|繁忙|not open|未开", re.IGNORECASE)
_SEVERAL = re.compile(r"incorrect|password|frequen|busy|abnormal|密码|授权码|频|繁忙", re.IGNORECASE)


def throttle(status: Status, *, usable: bool = False) -> ImapError | None:
    """Throttled and its kinds, or None when the status is about something else."""
    suggested = _SUGGESTED.search(status.text)
    if suggested is not None:
        unit = 1.0 if (suggested[2] or "ms").lower().startswith("s") else 1000.0
        wait = min(int(suggested[1]) / unit, MAX_SUGGESTED_WAIT)
        return Throttled("the server asks for a pause", wait=wait, code=status.code, detail=status.text, usable=usable)
    for pattern, kind, wait in THROTTLE_TEXTS:
        if re.search(pattern, status.text.lower()):
            return kind(
                "the server limits this account", wait=wait, code=status.code, detail=status.text, usable=usable
            )
    if status.code in {"LIMIT", "THROTTLED", "OVERQUOTA"}:
        reason = "the server limits this account"
        return Throttled(reason, wait=LIMIT_WAIT, code=status.code, detail=status.text, usable=usable)
    return None


def going_away(status: Status) -> ImapError:
    """Meaning of an untagged BYE."""
    return (
        throttle(status)
        or _temporary(status, "the server closed the connection")
        or ServerBye("the server closed the connection", code=status.code, detail=status.text)
    )


def _temporary(status: Status, reason: str) -> ImapError | None:
    if status.code not in TEMPORARY_CODES:
        return None
    return Temporary(reason, code=status.code, detail=status.text)


def sign_in_refusal(status: Status, *, token: bool = False, challenge: str | None = None) -> ImapError:
    """Meaning of NO or BAD to LOGIN or AUTHENTICATE. ``challenge``: status of the OAuth error, None without one."""
    if status.code in CREDENTIAL_CODES and challenge != "429":
        return _credential(status, token=token, challenge=challenge)
    general = _limited(status, challenge) or _temporary(status, "the server cannot take the sign-in now")
    if general is not None:
        return general
    by_text = _CODE_WRONG.search(status.text) and not _CATCH_ALL.search(status.text)
    if by_text or (challenge is not None and not challenge.startswith("5")):
        return _credential(status, token=token, challenge=challenge)
    if challenge is None and (barred := _barred(status, token=token)):
        return barred
    kind, reason = _sign_in_kind(status, challenge)
    return kind(reason, code=status.code, detail=status.text)


def _credential(status: Status, *, token: bool, challenge: str | None) -> ImapError:
    reason = "the server refused the sign-in"
    if token:
        return TokenRefused(reason, status=challenge or "", code=status.code, detail=status.text)
    return CredentialRefused(reason, code=status.code, detail=status.text)


def _limited(status: Status, challenge: str | None) -> ImapError | None:
    if challenge == "429":
        return Throttled("the server limits this account", wait=LIMIT_WAIT, code=status.code, detail=status.text)
    return throttle(status)


def _barred(status: Status, *, token: bool) -> ImapError | None:
    """No sign-in of this kind here; not said by texts that name several causes at once."""
    if _BARRED.search(status.text) or (token and (status.kind == "BAD" or status.code == "CANNOT")):
        return SignInBarred("the server does not take this way of sign-in", code=status.code, detail=status.text)
    if _SWITCHED_OFF.search(status.text) and not _SEVERAL.search(status.text):
        reason = "IMAP is switched off for this mailbox"
        return SignInBarred(reason, code=status.code, detail=status.text, about="switched_off")
    if status.code == "WEBALERT" or _WEB_FIRST.search(
        status.text
    ):  # Gmail's; its argument is an address made for this person, so it is not shown
        reason = "the provider wants a sign-in with a web browser first"
        return SignInBarred(reason, code=status.code, detail=status.text, about="web")
    return None


def _sign_in_kind(status: Status, challenge: str | None) -> tuple[type[ImapError], str]:
    if status.code == "PRIVACYREQUIRED":
        return SignInImpossible, "the server wants another kind of connection"
    if _UNSAFE.search(status.text):
        return IdentificationWanted, "the server wants the client to identify itself"
    later = _TRY_LATER.search(status.text) and not _SECRET_WORDS.search(status.text)
    if later or challenge is not None:
        return Temporary, "the server cannot take the sign-in now"
    return AmbiguousRefusal, "the server refused the sign-in without saying why"


def refusal(status: Status, command: str) -> ImapError:
    """Meaning of NO or BAD to any command after the sign-in; the session stays usable."""
    limited = throttle(status, usable=True)
    if limited is not None:
        return limited
    kind, reason = _fetch_kind(status) if command == "UID FETCH" else _kind(status, command)
    if status.kind == "BAD":
        kind, reason = CommandRejected, f"the server rejected {command}"
    return kind(reason, code=status.code, detail=status.text, usable=True)


def _kind(status: Status, command: str) -> tuple[type[ImapError], str]:
    if _UNSAFE.search(status.text):
        return IdentificationWanted, "the server wants the client to identify itself"
    if status.code in TEMPORARY_CODES:
        return NotNow, f"the server cannot answer {command} now"
    return _permanent(status), f"the server refused {command}"


def _permanent(status: Status) -> type[Refused]:
    if status.code == "NONEXISTENT" or (not status.code and _GONE.search(status.text)):
        return FolderGone
    if status.code in {"NOPERM", "CANNOT"} or (not status.code and _FORBIDDEN.search(status.text)):
        return PermissionRefused
    return StoreDamaged if status.code == "CORRUPTION" else Refused


def _fetch_kind(status: Status) -> tuple[type[ImapError], str]:
    if status.code == "EXPUNGEISSUED" or _EXPUNGED.search(status.text):
        return ExpungeIssued, "messages went away during UID FETCH"
    if status.code == "CORRUPTION":
        return StoreDamaged, "the server's store is damaged"
    return FetchRefused, "the server refused UID FETCH"
