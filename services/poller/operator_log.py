"""What operators find in the log: states of accounts, folders that could not be read, warnings of servers."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from services.common.events import AccountReported, Event, SyncReported
from services.common.service import Publisher
from services.poller.imap.session import Session
from services.poller.work import Work

log = logging.getLogger(__name__)
MOST_WARNED = 100


@dataclass(frozen=True, slots=True)
class LoggedPublisher:
    """A publisher that first writes states of accounts and errors of folders into the log, where operators look."""

    publisher: Publisher

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish all, in order. Raises Unavailable as the publisher behind does."""
        for event in events:
            if isinstance(event, AccountReported):
                _log(event)
            elif isinstance(event, SyncReported) and event.lasterror:
                log.warning("account %s, folder %s: %s", event.account, event.folder, event.lasterror)
        await self.publisher.publish(events)


def log_alerts(work: Work, session: Session) -> None:
    """What the server wants a person to know, such as a full mailbox: each text once (RFC 9051 section 7.1, ALERT)."""
    for text in session.take_alerts():
        if len(work.memory.warned) >= MOST_WARNED:
            work.memory.warned.clear()
        if text not in work.memory.warned:
            work.memory.warned.add(text)
            log.warning("account %s: the server warns: %s", work.account.slug, text)


def _log(event: AccountReported) -> None:
    level = logging.INFO if event.state == "active" else logging.WARNING
    again = f"next try {event.nexttry:%Y-%m-%dT%H:%M:%SZ}" if event.nexttry else ""
    why = "; ".join(part.rstrip(".") for part in (event.detail, event.advice, again) if part)
    told = f"{event.state}, sign-in {event.signin}" + (f": {why}" if why else "")
    log.log(level, "account %s is %s", event.account, told)
