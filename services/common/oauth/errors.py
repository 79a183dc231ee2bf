"""Why there is no access token, by whose turn it is (the table in docs/signin.md)."""

from typing import ClassVar

from services.common.errors import MailweirError


class TokenError(MailweirError):
    """No access token. ``state`` is the word of ``mailweir status``; ``wait`` the seconds to the next try, if known."""

    state: ClassVar[str] = "unknown"
    about: ClassVar[str] = ""
    exit_code = 4

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class ConsentNeeded(TokenError):
    """The grant is dead or was never made: only its owner can mend that (``mailweir accounts authorize``)."""

    state = "consent"


class ClientRefused(TokenError):
    """Client id, secret or scope are wrong: the operator's turn, the owner's grant is not touched."""

    state = "configuration"
    about = "client"
    exit_code = 2


class TokenDelayed(TokenError):
    """The token endpoint gave no token this time; the grant is as it was."""

    state = "temporary"
    exit_code = 3


class TokenUnreachable(TokenDelayed):
    """The token endpoint is out of reach."""

    state = "network"
    exit_code = 5


class TokenUnreadable(TokenDelayed):
    """Something answers in place of the token endpoint: a captive portal, a proxy, or the address is wrong."""

    about = "unreadable"


class TokenThrottled(TokenDelayed):
    """The token endpoint asks to slow down."""

    state = "throttled"


_DELAYS: dict[str, type[TokenDelayed]] = {
    "throttled": TokenThrottled,
    "unreachable": TokenUnreachable,
    "unreadable": TokenUnreadable,
}


def delay(name: str, kind: str, reason: str, wait: float) -> TokenDelayed:
    """No token this time, by the kind of refusal; ``wait`` in seconds."""
    text = f"the token endpoint of {name} gave no token ({reason}); next try in {wait:.0f} s"
    return _DELAYS.get(kind, TokenDelayed)(text, wait)
