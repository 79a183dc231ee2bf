"""What a visit of the login doctor works with, and what each of its steps tells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from msgspec import Struct

from services.common.accounts.fields import Account
from services.common.accounts.providers import Profile
from services.common.clock import Clock
from services.common.errors import ConnectionFailed
from services.poller.connect import SecretSource
from services.poller.imap.model import Folder, Opened
from services.poller.imap.session import Session

Outcome = Literal["ok", "warning", "failed", "skipped"]
NAMES = (
    "lookup", "connect", "tls", "greeting", "capabilities", "signin", "capabilities_after", "id", "namespace",
    "folders", "examine", "uidvalidity", "fetch", "estimate", "idle", "roundtrip",
)  # fmt: skip


class Step(Struct, frozen=True):
    """What one step saw. ``state`` is a word of ``mailweir status``; ``about`` names the advice, "" for none."""

    name: str
    outcome: Outcome
    seen: Mapping[str, Any] = {}
    state: str = "ok"
    reason: str = ""
    about: str = ""
    exit_code: int = 0


@dataclass
class Visit:
    """What a visit works with, and what it has found so far.

    ``addresses``: IPs that the caller has checked; then nothing is looked up again, and no other host is tried.
    ``skew``: how many seconds this machine's clock is ahead of the token endpoint's, 0 when not worth a word; blocks.
    """

    account: Account
    profile: Profile
    credentials: SecretSource
    clock: Clock
    addresses: tuple[str, ...] = ()
    skew: Callable[[], int] = lambda: 0
    session: Session | None = None
    folders: tuple[Folder, ...] = ()
    opened: Opened | None = None
    average_octets: float | None = None

    @property
    def connected(self) -> Session:
        """The session, once the server was reached."""
        if self.session is None:
            raise ConnectionFailed(f"{self.account.host} was not reached")
        return self.session

    def milliseconds(self, start: float) -> float:
        """Milliseconds since a moment of the clock, to a tenth."""
        return round((self.clock.monotonic() - start) * 1000, 1)
