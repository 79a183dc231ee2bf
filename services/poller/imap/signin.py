"""Sign-in: one mechanism, its right terminator, capabilities asked again."""

from services.poller.imap import sasl
from services.poller.imap.classify import sign_in_refusal
from services.poller.imap.connect import capability
from services.poller.imap.encode import Argument, atom, string
from services.poller.imap.errors import ImapError, SignInImpossible
from services.poller.imap.exchange import Line
from services.poller.imap.foresight import Foresight, lines
from services.poller.imap.model import Credentials, Endpoint
from services.poller.imap.protocol import Connection
from services.poller.imap.responses import Status

_NONE: frozenset[bytes] = frozenset()


async def sign_in(
    connection: Connection,
    credentials: Credentials,
    endpoint: Endpoint,
    known: frozenset[str] | None = None,
    foresight: Foresight | None = None,
) -> str:
    """Sign in and return the mechanism; ``known`` capabilities are not asked for; ``foresight``: what follows them.

    Raises the SignInError kinds, Temporary, Throttled, NetworkError.
    """
    sasl.check(credentials)
    connection.hidden = sasl.traces(credentials, endpoint)
    before = connection.capabilities
    mechanisms = _mechanisms(credentials, frozenset(before))
    for index, mechanism in enumerate(mechanisms):
        problem = await _attempt(connection, mechanism, credentials, endpoint)
        if problem is None:
            connection.state = "AUTH"
            if foresight is not None and connection.capabilities is not before:  # the server told them unasked
                _send_ahead(connection, [Line("CAPABILITY", [], _NONE)], foresight)
            await capability(connection, known)
            if foresight is not None and not connection.flight.ahead:
                _send_ahead(connection, [], foresight)
            return mechanism
        refused, status = problem
        if index + 1 == len(mechanisms) or not _about_the_mechanism(status):
            raise refused
    raise SignInImpossible("no mechanism is left")


def _send_ahead(connection: Connection, first: list[Line], foresight: Foresight) -> None:
    ahead = lines(foresight, frozenset(connection.capabilities))
    if ahead:
        connection.send_ahead([*first, *ahead])


def _mechanisms(credentials: Credentials, capabilities: frozenset[str]) -> list[str]:
    """What to try, in order: a second one only follows when the first was refused as a mechanism."""
    offered = [name for name in ("OAUTHBEARER", "XOAUTH2") if f"AUTH={name}" in capabilities]
    if credentials.auth in {"oauthbearer", "xoauth2"}:
        chosen = credentials.auth.upper()
        return [chosen, *(name for name in offered if chosen not in offered)]
    if credentials.token:
        return offered or ["XOAUTH2"]
    login = [] if "LOGINDISABLED" in capabilities else ["LOGIN"]
    plain = ["PLAIN"] if "AUTH=PLAIN" in capabilities and not (login and _prefers_login(credentials)) else []
    if not plain and not login:
        raise SignInImpossible(
            "the server takes no password here (LOGINDISABLED); it wants OAuth (xoauth2) or another port"
        )
    return plain + login


def _prefers_login(credentials: Credentials) -> bool:
    return credentials.force_login or any(c in credentials.user for c in "/\\")


def _about_the_mechanism(status: Status) -> bool:
    return status.kind == "BAD" or status.code == "CANNOT"


async def _attempt(
    connection: Connection, mechanism: str, credentials: Credentials, endpoint: Endpoint
) -> tuple[ImapError, Status] | None:
    if mechanism == "LOGIN":
        status, challenge = await _login(connection, credentials), None
    else:
        status, challenge = await _authenticate(connection, mechanism, credentials, endpoint)
    if status.kind == "OK":
        return None
    token = mechanism in {"XOAUTH2", "OAUTHBEARER"}
    return sign_in_refusal(status, token=token, challenge=challenge), status


async def _login(connection: Connection, credentials: Credentials) -> Status:
    arguments: list[Argument] = [string(credentials.user.encode()), string(credentials.secret.encode())]
    exchange = await connection.begin("LOGIN", arguments, _NONE)
    while await connection.frames(exchange):
        pass
    return connection.finish(exchange)


async def _authenticate(
    connection: Connection, mechanism: str, credentials: Credentials, endpoint: Endpoint
) -> tuple[Status, str | None]:
    message = sasl.initial_response(mechanism, credentials, endpoint)
    at_once = "SASL-IR" in connection.capabilities
    exchange = await connection.begin("AUTHENTICATE", [atom(mechanism)] + [message] * at_once, _NONE)
    if not at_once and await connection.prompt(exchange) is not None:
        connection.answer(exchange, message)
    challenge = await connection.prompt(exchange)
    if challenge == b"" and at_once and mechanism == "PLAIN":  # the server did not look at the initial response
        connection.answer(exchange, message)
        challenge = await connection.prompt(exchange)
    if challenge is not None:
        connection.answer(exchange, sasl.terminator(mechanism))
    while await connection.frames(exchange):
        pass
    return connection.finish(exchange), None if challenge is None else sasl.challenge_status(challenge)
