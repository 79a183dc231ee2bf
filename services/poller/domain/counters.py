"""When the counters of a folder alone say that nothing has changed. Pure."""

from datetime import datetime, timedelta

from msgspec import Struct

from services.poller.domain.state import FolderRecord

FLAGS_EVERY = 900.0


class Counters(Struct, frozen=True):
    """UIDNEXT, HIGHESTMODSEQ and the number of messages as the server says them; None where it does not."""

    uidnext: int | None
    modseq: int | None
    messages: int | None


def believable(record: FolderRecord, seen: Counters, now: datetime, full_pass: float, *, thorough: bool) -> bool:
    """Whether equal counters excuse from a look at the folder; ``full_pass``: seconds a full look is good for.

    Equal UIDNEXT and EXISTS exclude additions and deletions, an equal HIGHESTMODSEQ excludes flag changes (RFC 7162
    section 3.1.2). Without the latter they are believed only between two ``thorough`` looks, for a quarter of an hour.
    """
    if record.full_pass_at is None or seen.uidnext is None:
        return False
    if (seen.uidnext, seen.modseq, seen.messages) != (record.uidnext_done, record.modseq_done, record.server_count):
        return False
    if seen.modseq is None:
        full_pass = 0.0 if thorough else min(full_pass, FLAGS_EVERY)
    return now - record.full_pass_at < timedelta(seconds=full_pass)
