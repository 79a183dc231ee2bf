"""Fetch the bodies that are missing. A UID that fails costs itself only: it is asked alone, then quarantined."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from services.poller.delivery import Group, Put
from services.poller.domain.schedule import quarantine_until
from services.poller.domain.state import FolderRecord, Quarantined
from services.poller.domain.uidset import EMPTY, UidSet
from services.poller.imap.errors import FetchRefused, ImapError, LiteralTooLarge, Refused, Temporary
from services.poller.imap.model import Fetched, Spooled
from services.poller.imap.session import Session
from services.poller.work import Progress, Work

ITEMS = ("EMAILID", "X-GM-MSGID", "X-GM-LABELS")


@dataclass(slots=True)
class Errand:
    """The bodies of one folder's pass: what was asked for and what came."""

    work: Work
    session: Session
    record: FolderRecord
    wanted: UidSet
    put: Put
    done: UidSet = EMPTY
    group: Group = field(default_factory=list)
    octets: int = 0


async def fetch(errand: Errand, sizes: dict[int, int]) -> None:
    """Ask for all wanted bodies: in groups, large and suspicious ones alone and last.

    Raises ImapError when the connection is of no further use; what came before is on its way all the same.
    """
    alone = UidSet.of(uid for uid in _alone(errand, sizes))
    try:
        for chunk in _chunks(errand, errand.wanted - alone):
            await _ask(errand, chunk)
        for uid in reversed(list(alone)):
            await _ask(errand, UidSet.of([uid]))
    finally:
        await _flush(errand)


def _alone(errand: Errand, sizes: dict[int, int]) -> Iterable[int]:
    suspects = {uid for folder, epoch, uid in errand.work.memory.suspects if _is_ours(errand.record, folder, epoch)}
    large = {uid for uid, size in sizes.items() if size > errand.work.account.settings.batch_bytes}
    return (uid for uid in suspects | large if uid in errand.wanted)


def _is_ours(record: FolderRecord, folder: str, epoch: int) -> bool:
    return (folder, epoch) == (record.id, record.epoch)


def _chunks(errand: Errand, uids: UidSet) -> Iterator[UidSet]:
    """Newest first while there is a backlog, so that today's mail is not behind ten years of it."""
    size = errand.work.account.settings.batch_messages
    chunks = list(uids.chunks(size))
    return iter(chunks if len(chunks) == 1 else reversed(chunks))


async def _ask(errand: Errand, chunk: UidSet) -> None:
    """Ask for a chunk; halve it as long as the server refuses it; ask again for what it left out."""
    waiting = [chunk]
    while waiting:
        part = waiting.pop()
        try:
            await _stream(errand, part)
        except (FetchRefused, Temporary) as error:
            if not error.usable:
                raise
            rest = part - errand.done
            if len(rest) > 1:
                waiting += list(rest.chunks((len(rest) + 1) // 2))
            elif rest:
                await suspect(errand.work, errand.record, rest.lowest, "refused", str(error))
        else:
            waiting += await _left_out(errand, part)


async def _stream(errand: Errand, part: UidSet) -> None:
    try:
        async for fetched in errand.session.fetch_bodies(part, ITEMS):
            await _take(errand, fetched)
    except LiteralTooLarge as error:
        uid = error.uid or (part - errand.done).lowest
        await suspect(errand.work, errand.record, uid, "too-large", f"{error.announced} octets", final=True)
        raise
    except ImapError as error:
        if not error.usable and part - errand.done:
            await suspect(errand.work, errand.record, (part - errand.done).lowest, "connection", error.reason)
        raise


async def _take(errand: Errand, fetched: Fetched) -> None:
    work, record = errand.work, errand.record
    if fetched.conflict:
        _drop(fetched)
        await suspect(work, record, fetched.uid, "conflict", "two different bodies for one UID", final=True)
    elif not fetched.body and not _truly_empty(errand, fetched):
        await suspect(work, record, fetched.uid, "empty-body", "the server answered without a body")
    else:
        work.memory.suspects.pop((record.id, record.epoch, fetched.uid), None)
        errand.done = errand.done | UidSet.of([fetched.uid])
        await _group(errand, fetched)


def _drop(fetched: Fetched) -> None:
    if isinstance(fetched.body, Spooled):
        fetched.body.path.unlink(missing_ok=True)


def _truly_empty(errand: Errand, fetched: Fetched) -> bool:
    """An empty body is believed when its declared size is 0 too, on a second connection (RFC 2180 section 4.1.3)."""
    key = (errand.record.id, errand.record.epoch, fetched.uid)
    first = errand.work.memory.empties.setdefault(key, errand.work.memory.connection)
    return fetched.body == b"" and fetched.listing.size == 0 and first != errand.work.memory.connection


async def _group(errand: Errand, fetched: Fetched) -> None:
    settings = errand.work.account.settings
    errand.group.append(fetched)
    errand.octets += fetched.length
    if len(errand.group) >= settings.batch_messages or errand.octets >= settings.batch_bytes:
        await _flush(errand)


async def _flush(errand: Errand) -> None:
    group, octets = errand.group, errand.octets
    errand.group, errand.octets = [], 0
    if group:
        await errand.put(group)
        folder, wanted = errand.record.name, len(errand.wanted)
        errand.work.progress(Progress(errand.record.account, folder, wanted, len(errand.done), octets))


async def _left_out(errand: Errand, part: UidSet) -> list[UidSet]:
    """An omission is never an absence: UIDs that are still listed are asked for alone, then suspected."""
    key = (errand.record.id, errand.record.epoch)
    rest = part - errand.done
    rest = UidSet.of(uid for uid in rest if (*key, uid) not in errand.work.memory.suspects or len(part) > 1)
    if not rest:
        return []
    await errand.session.noop()
    try:
        listed = UidSet.of([listing.uid async for listing in errand.session.fetch_listing(rest, ("FLAGS",))])
    except Refused:
        listed = rest
    if len(part) == 1:
        for uid in listed:
            await suspect(errand.work, errand.record, uid, "no-answer", "the server lists it but does not send it")
        return []
    return [UidSet.of([uid]) for uid in listed]


async def suspect(work: Work, record: FolderRecord, uid: int, reason: str, detail: str, *, final: bool = False) -> None:
    """Count a failure of one UID; after ``quarantine_after`` of them, or at once, it goes into quarantine."""
    key = (record.id, record.epoch, uid)
    failures = work.memory.suspects.get(key, 0) + 1
    work.memory.suspects[key] = failures
    work.memory.reasons[key] = reason
    if not final and failures < work.account.settings.quarantine_after:
        return
    del work.memory.suspects[key]
    known = work.ledger.quarantine(record.id, record.epoch).get(uid)
    stays = known.attempts + 1 if known else 1
    until = quarantine_until(work.clock.now(), stays)
    entry = Quarantined(uid=uid, reason=reason, detail=detail[:300], attempts=stays, next_try=until)
    work.ledger.put_quarantine(record.id, record.epoch, entry)
