"""A server that sends no message at all is not asked for each of them: a few are tried, then the folder rests."""

from collections.abc import Iterator

from services.poller.domain.schedule import backoff
from services.poller.domain.state import Rest
from services.poller.domain.uidset import UidSet
from services.poller.imap.errors import Refused
from services.poller.work import Work

MOST_IN_VAIN = 20
SAMPLES = 5
KNOWN = 2
LONGEST = 3600.0


def check(work: Work, key: tuple[str, int]) -> None:
    """Raises Refused while the folder rests."""
    rest = work.memory.rests.get(key)
    if rest is not None and work.clock.monotonic() < rest.until:
        raise Refused(rest.reason, usable=True)


def begin(work: Work, key: tuple[str, int], tried: int, detail: str) -> Refused:
    """Let the folder rest: 5 s (``backoff_base``), doubling to an hour; the failure that says so."""
    before = work.memory.rests.get(key)
    times = before.times + 1 if before else 1
    reason = f"the server sends none of the messages that it was asked for ({tried} were tried): {detail}"
    wait = backoff(times, work.account.settings.backoff_base, LONGEST, work.chance())
    work.memory.rests[key] = Rest(times, reason, work.clock.monotonic() + wait)
    return Refused(reason, usable=True)


def end(work: Work, key: tuple[str, int]) -> None:
    """Something came."""
    work.memory.rests.pop(key, None)


def few_of(uids: UidSet) -> Iterator[UidSet]:
    """Single UIDs from all over the set."""
    for chunk in uids.chunks(max(1, -(-len(uids) // SAMPLES))):
        yield UidSet.of([chunk.lowest])
