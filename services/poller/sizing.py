"""Sizes that the server declares: only large ones matter, and none is believed where it would cost a message."""

import contextlib

from services.poller import bodies
from services.poller.domain.state import FolderRecord
from services.poller.domain.uidset import UidSet
from services.poller.imap.errors import CommandRejected, Refused
from services.poller.imap.session import Session
from services.poller.work import Work


async def large_ones(work: Work, session: Session, record: FolderRecord, wanted: UidSet) -> dict[int, int]:
    """Declared sizes of large messages only. One truly above the limit is quarantined unasked."""
    settings, run = work.account.settings, work.memory.run
    if (known := run.sizes((record.id, record.epoch))) is not None:
        return known
    if run.thrifty:
        return {}
    large: dict[int, int] = {}
    with contextlib.suppress(Refused, CommandRejected):  # sizes only help; a literal has a limit of its own
        async for listing in session.fetch_listing(wanted, ("RFC822.SIZE",)):
            if listing.size is not None and listing.size > min(settings.batch_bytes, settings.max_message_bytes):
                large[listing.uid] = listing.size
    for uid in [uid for uid, size in large.items() if size > settings.max_message_bytes]:
        if await _is_too_large(work, session, record, uid):
            detail = f"{large[uid]} octets, {settings.max_message_bytes} allowed: raise max_message_bytes"
            await bodies.suspect(work, record, uid, "too-large", detail, final=True)
    run.sized((record.id, record.epoch), large)
    return large


async def _is_too_large(work: Work, session: Session, record: FolderRecord, uid: int) -> bool:
    """Whether there is an octet beyond the limit.

    Asked once: where a piece is refused or ends the connection, the literal says it when the message is fetched.
    """
    key = (record.id, record.epoch, uid)
    if key in work.memory.probed:
        return False
    work.memory.probed.add(key)
    work.memory.steps += 1
    with contextlib.suppress(Refused, CommandRejected):
        return bool(await session.fetch_piece(uid, work.account.settings.max_message_bytes, 1))
    return False
